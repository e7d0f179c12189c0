"""The names that compiled code has numbered, as Python gives them to the classifier.

Compiled code joins two texts in one name: a model with its declared language, a provider with the
place of its endpoint.
"""

from __future__ import annotations

from streams.decode import compiled
from streams.decode.served_by import served_by


def pair_of(text: bytes) -> tuple[str, str | None]:
    """Return the model and the declared language of a name."""
    model, joint, language = text.partition(compiled.scan.JOINT)
    return model.decode(), language.decode() if joint else None


def served_text_of(text: bytes) -> str | None:
    """Return the text that says who served a request."""
    name, joint, place = text.partition(compiled.scan.JOINT)
    return served_by(name.decode(), place.decode()) if joint else name.decode()
