"""A custom format: its fields as paths in the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.decode.event import MAX_ROW_TOKENS, MAX_TOKENS
from streams.decode.formats.paths import alternatives, value_of
from streams.decode.formats.raw_usage import Found

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "custom"

#: The fields of a mapping; the model and one of the counts are required to recognise a document.
FIELDS = (
    *("model", "prompt_tokens", "completion_tokens", "ts", "language", "tenant", "id", "text"),
    "requests",
)
_COUNTS = ("prompt_tokens", "completion_tokens")
#: The fields that may be sums.
_SUMS = (*_COUNTS, "requests")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A format by its field mapping: names of `FIELDS` to paths (see streams.decode.formats.paths).

    `requests` is how many requests a document is the sum of; where it is not there, it is one.
    """

    paths: Mapping[str, str]

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Return whether a document has what the mapping requires: the model and a count."""
        return self._at(document, "model") is not None and any(
            self._at(document, name) is not None for name in _COUNTS
        )

    def read(self, document: Mapping[str, Any]) -> Found:
        """Return the values at the paths."""
        model, prompt, completion, ts, language, tenant, id_, text, requests = (
            self._at(document, name) for name in FIELDS
        )
        return Found(
            *(model, prompt, completion, ts, language, tenant, id_, text), requests=requests
        )

    def _at(self, document: Mapping[str, Any], field: str) -> object:
        path = self.paths.get(field)
        if path is None:
            return None
        limit = MAX_ROW_TOKENS if "requests" in self.paths else MAX_TOKENS
        return value_of(document, alternatives(path), limit)


def problem(paths: Mapping[str, object]) -> str | None:
    """Return what is wrong with a mapping, or None."""
    for name, path in paths.items():
        if name not in FIELDS:
            return f"{name} is not one of {', '.join(FIELDS)}"
        try:
            parts = alternatives(path) if isinstance(path, str) else ()
        except ValueError:
            parts = ()
        if not parts:
            return f"{name} needs a path, such as usage.input or usage.input+usage.cache_read"
        if name not in _SUMS and any(len(each) > 1 for each in parts):
            return f"{name} cannot be a sum"
    if "model" not in paths or not any(name in paths for name in _COUNTS):
        return "it needs model, and prompt_tokens or completion_tokens"
    return None
