"""The language of a prompt that the scanner has found, from its JSON, as `judge` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from streams.classify.enrichment import attempt
from streams.classify.language.tags import UNDETERMINED
from streams.decode.formats import litellm

if TYPE_CHECKING:
    from collections.abc import Callable


def scanned(
    detect: Callable[[object], str] | None, detect_last: Callable[[str], str | None] | None
) -> tuple[Callable[[bytes], bytes | None] | None, Callable[[str], bytes | None] | None]:
    """Return the same functions as the scanner asks them, None where there are none."""
    return (
        None if detect is None else from_json(detect),
        None if detect is None or detect_last is None else from_last(detect_last),
    )


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


def from_last(detect: Callable[[str], str | None]) -> Callable[[str], bytes | None]:
    """Return a function from the text of a user's last message to the language of its prompt.

    It returns None where that text alone does not say it, and where it fails: all messages are read
    then, and what fails is counted.
    """

    def language_of(text: str) -> bytes | None:
        try:
            language = detect(text)
        except Exception:  # noqa: BLE001 - whatever it is, the other way meets it again
            return None
        return None if language is None else language.encode()

    return language_of
