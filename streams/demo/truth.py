"""Simulated requests, and the truth about them: the counts that a worker must reach.

Origin and language of each event are given by study.toml and never derived from the event, so that
they can verify the code that does derive them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Simulated(NamedTuple):
    """One request: its time in unix seconds, the record's value, and its true classification.

    `cost` is in nano-dollars; it, cache reads and provider are None where the record says nothing.
    """

    ts: float
    value: bytes
    origin: str
    language: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    cost: int | None = None
    provider: str | None = None

    @property
    def tokens(self) -> int:
        """Return prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


class TruthError(ValueError):
    """A manifest does not have the format that `Truth.to_manifest` writes."""


@dataclass(slots=True)
class Truth:
    """The events sent: (origin, language) -> [requests, prompt tokens, completion tokens]."""

    cells: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def add(self, event: Simulated) -> None:
        """Count one event."""
        cell = self.cells.get((event.origin, event.language))
        if cell is None:
            self.cells[event.origin, event.language] = [
                *(1, event.prompt_tokens, event.completion_tokens)
            ]
        else:
            cell[0] += 1
            cell[1] += event.prompt_tokens
            cell[2] += event.completion_tokens

    def merge(self, other: Truth) -> None:
        """Add the counts of another truth."""
        for key, counts in other.cells.items():
            cell = self.cells.setdefault(key, [0, 0, 0])
            cell[:] = [mine + theirs for mine, theirs in zip(cell, counts, strict=True)]

    @property
    def requests(self) -> int:
        """Return the number of all requests."""
        return sum(requests for requests, _, _ in self.cells.values())

    @property
    def tokens(self) -> int:
        """Return all tokens, prompt and completion."""
        return sum(prompt + completion for _, prompt, completion in self.cells.values())

    def tokens_by(self, dimension: str) -> dict[str, int]:
        """Return tokens by `origin` or by `language`."""
        place = ("origin", "language").index(dimension)
        sums: dict[str, int] = {}
        for key, (_, prompt, completion) in self.cells.items():
            sums[key[place]] = sums.get(key[place], 0) + prompt + completion
        return sums

    def to_manifest(self, *, seed: int, start: float, end: float, topic: str) -> dict[str, Any]:
        """Return the truth as JSON, for a file beside the topic. `start`, `end`: unix seconds."""
        cells = [
            {
                "origin": origin,
                "language": language,
                "requests": requests,
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "tokens": prompt + completion,
            }
            for (origin, language), (requests, prompt, completion) in sorted(self.cells.items())
        ]
        head = {"seed": seed, "events": self.requests, "start": start, "end": end, "topic": topic}
        return {**head, "cells": cells}

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Truth:
        """Return the truth of a manifest. Raises `TruthError` for an invalid format or sum."""
        names = ("requests", "prompt_tokens", "completion_tokens")
        try:
            truth = cls(
                {
                    (cell["origin"], cell["language"]): [int(cell[name]) for name in names]
                    for cell in manifest["cells"]
                }
            )
            events = manifest["events"]
        except (KeyError, TypeError, ValueError) as error:
            raise TruthError(f"not a manifest of simulated events: {error!r}") from error
        if truth.requests != events:
            raise TruthError(f"the cells hold {truth.requests} requests, the manifest {events}")
        return truth
