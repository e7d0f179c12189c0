"""A custom format: its fields as dotted paths in the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.decode.formats.raw_usage import Found

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "custom"

#: The fields of a mapping; the model and one of the counts are required to recognise a document.
FIELDS = ("model", "prompt_tokens", "completion_tokens", "ts", "language", "tenant", "id", "text")
_COUNTS = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A format by its field mapping: names of `FIELDS` to dotted paths.

    A path is names joined by dots, with numbers for array indices (`choices.0.model`). A key that
    contains dots is found as well: `usage.gen_ai.input` is tried as one name first.
    """

    paths: Mapping[str, str]

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Return whether a document has what the mapping requires: the model and a count."""
        return self._at(document, "model") is not None and any(
            self._at(document, name) is not None for name in _COUNTS
        )

    def read(self, document: Mapping[str, Any]) -> Found:
        """Return the values at the paths."""
        model, prompt, completion, ts, language, tenant, id_, text = (
            self._at(document, name) for name in FIELDS
        )
        return Found(model, prompt, completion, ts, language, tenant, id_, text)

    def _at(self, document: Mapping[str, Any], field: str) -> object:
        path = self.paths.get(field)
        return None if path is None else at_path(document, path)


def at_path(value: object, path: str) -> object:
    """Return the value at a dotted path, None where there is none."""
    while path:
        if isinstance(value, dict) and path in value:
            return value[path]
        name, _, path = path.partition(".")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and len(name) < 10:
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value


def problem(paths: Mapping[str, object]) -> str | None:
    """Return what is wrong with a mapping, or None."""
    for name, path in paths.items():
        if name not in FIELDS:
            return f"{name} is not one of {', '.join(FIELDS)}"
        if not isinstance(path, str) or not path.strip("."):
            return f"{name} needs a dotted path, such as usage.input"
    if "model" not in paths or not any(name in paths for name in _COUNTS):
        return "it needs model, and prompt_tokens or completion_tokens"
    return None
