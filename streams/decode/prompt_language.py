"""The language of a prompt that the scanner has found, from its JSON, as `judge` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from streams.classify.enrichment import attempt
from streams.classify.language.tags import UNDETERMINED
from streams.decode.formats import litellm

if TYPE_CHECKING:
    from collections.abc import Callable


def from_json(detect: Callable[[object], str]) -> Callable[[bytes], bytes | None]:
    """Return a function from the JSON of LiteLLM's messages to their language.

    It returns empty bytes where there is no prompt, and None where only the decoders in Python can
    say what there is.
    """

    def language_of(raw: bytes) -> bytes | None:
        try:
            prompt = litellm.prompt_of(orjson.loads(raw))
        except (orjson.JSONDecodeError, RecursionError):
            return None
        if prompt is None:
            return b""
        language = attempt("language", detect, prompt, otherwise=UNDETERMINED)
        return language.encode() if type(language) is str and language.isascii() else None

    return language_of
