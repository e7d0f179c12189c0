"""Seal a position: a digest of the panes that it stands for, so that lost records are noticed.

A changelog can lose records while its workers run on: it is deleted, or a power loss takes its end
and later writes follow. A position then stands for panes that Kafka no longer holds. Its seal names
what they are: a sum of one hash per pane, and by level how many panes and requests there are.

A sum is updated in place: a flush costs as much as the panes it writes, not as those that are kept.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streams.state.pane import Level

#: Days of a loss that are named by their dates; its sums cover all of them.
MAX_DAYS = 62
_MASK = (1 << 64) - 1


class Part(NamedTuple):
    """What a pane contributes to a seal: its stamp, and its requests."""

    stamp: int
    requests: int


#: The part of a pane that did not exist.
NO_PART = Part(-1, 0)


class Seal(msgspec.Struct, frozen=True):
    """All panes as flush `n` of a partition, or one before it, wrote them.

    `panes` and `requests` are by the name of the level.
    """

    n: int = 0
    digest: int = 0
    panes: dict[str, int] = {}
    requests: dict[str, int] = {}


class Loss(msgspec.Struct):
    """What a partition's changelog has lost for good, by level, and when it was noticed.

    `days` are the starts of those days (UTC) whose day pane and hour panes disagree since; a day
    that both have lost is not among them.
    """

    noticed: float
    panes: dict[str, int] = {}
    requests: dict[str, int] = {}
    days: list[int] = []


def joined(before: Loss | None, later: Loss) -> Loss:
    """Return two losses as one, noticed when the later one was."""
    if before is None:
        return later
    return Loss(
        later.noticed,
        _sums(before.panes, later.panes),
        _sums(before.requests, later.requests),
        sorted({*before.days, *later.days})[-MAX_DAYS:],
    )


def _sums(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def mix(level: Level, start: int, stamp: int) -> int:
    """Return the 64-bit hash of a pane and its stamp."""
    text = f"{level.name}/{start}/{stamp}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def digest_of(parts: Iterable[tuple[tuple[Level, int], Part]]) -> int:
    """Return the digest of panes by (level, start)."""
    return (
        sum(mix(level, start, part.stamp) for (level, start), part in parts if part.stamp >= 0)
        & _MASK
    )


class Sealed:
    """The part of each pane in the seal, and their running sums."""

    def __init__(self) -> None:
        self._parts: dict[tuple[Level, int], Part] = {}
        self._digest = 0
        self._panes: dict[str, int] = {}
        self._requests: dict[str, int] = {}

    def get(self, key: tuple[Level, int]) -> Part:
        """Return the part of a pane, NO_PART where it has none."""
        return self._parts.get(key, NO_PART)

    def __iter__(self) -> Iterator[tuple[Level, int]]:
        """Iterate over the panes that have a part."""
        return iter(self._parts)

    def put(self, key: tuple[Level, int], part: Part) -> None:
        """Replace the part of a pane; NO_PART removes it."""
        self._add(key, self._parts.pop(key, NO_PART), -1)
        if part.stamp >= 0:
            self._parts[key] = part
            self._add(key, part, 1)

    def _add(self, key: tuple[Level, int], part: Part, sign: int) -> None:
        if part.stamp < 0:
            return
        level, start = key
        name = level.name
        self._digest = (self._digest + sign * mix(level, start, part.stamp)) & _MASK
        self._panes[name] = self._panes.get(name, 0) + sign
        self._requests[name] = self._requests.get(name, 0) + sign * part.requests

    def seal(self, n: int) -> Seal:
        """Return the seal of flush `n`."""
        return Seal(n, self._digest, dict(self._panes), dict(self._requests))
