"""A custom format: its fields as paths in the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.decode.event import MAX_ROW_TOKENS, MAX_TOKENS
from streams.decode.formats.paths import alternatives, at_path, value_of
from streams.decode.formats.raw_usage import Found
from streams.decode.money import sum_of
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "custom"

#: The fields of a mapping; the model and one of the counts are required to recognise a document.
FIELDS = (
    *("model", "prompt_tokens", "completion_tokens", "ts", "language", "tenant", "id", "text"),
    *("requests", "cached_tokens", "reasoning_tokens", "cost", "provider", "endpoint"),
)
_COUNTS = ("prompt_tokens", "completion_tokens")
_PARTS = ("cached_tokens", "reasoning_tokens")
#: The fields that may be sums.
_SUMS = (*_COUNTS, "requests", *_PARTS, "cost")


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
        found = {name: self._at(document, name) for name in FIELDS if name != "cost"}
        return Found(
            model=found["model"],
            prompt=found["prompt_tokens"],
            completion=found["completion_tokens"],
            ts=found["ts"],
            language=found["language"],
            tenant=found["tenant"],
            id=found["id"],
            text=found["text"],
            requests=found["requests"],
            cached=found["cached_tokens"],
            reasoning=found["reasoning_tokens"],
            cost=self._price(document),
            provider=served_by(found["provider"], found["endpoint"]),
        )

    def _price(self, document: Mapping[str, Any]) -> object:
        """Return the price: a sum of prices is exact, and of counts it would be one of tokens."""
        path = self.paths.get("cost")
        for parts in () if path is None else alternatives(path):
            found = [at_path(document, each) for each in parts]
            known = [each for each in found if each is not None and each != ""]
            if known:
                return known[0] if len(parts) == 1 else sum_of(*known)
        return None

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
