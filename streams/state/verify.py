"""Verify a partition's records against the seal of its position: whether any of them are lost.

Panes are written before their position, so behind a crash some are newer than the position. Such a
pane names its part in the position before, which is what the seal holds. Panes that event time has
left are deleted after the position, and are left out here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.state.codec import PaneKey, decode_position, requests_of, seal_header
from streams.state.pane import ALL_LEVELS, DAY, HOUR, is_kept
from streams.state.seal import MAX_DAYS, Loss, Part, Seal, Sealed, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class Difference(NamedTuple):
    """What the records of a partition lack, by the name of the level, and the days in question.

    Levels without a difference are left out. Sums can agree where stamps do not.
    """

    panes: dict[str, int]
    requests: dict[str, int]
    days: tuple[int, ...] = ()

    def loss(self, now: float) -> Loss | None:
        """Return what is lost, as noticed now; None where all requests are there.

        So it is where only a position is older than its panes: records after it are read again.
        """
        panes, requests = (
            {name: count for name, count in each.items() if count > 0}
            for each in (self.panes, self.requests)
        )
        return Loss(now, panes, requests, list(self.days)) if panes or requests else None

    def __str__(self) -> str:
        """Return the levels with what they lack."""
        names = [each.name for each in ALL_LEVELS]
        missing = [
            f"{name}: {self.panes.get(name, 0)} panes, {self.requests.get(name, 0)} requests"
            for name in names
            if self.panes.get(name) or self.requests.get(name)
        ]
        return "; ".join(missing) or "the newest records of some keys"


def difference(records: Mapping[PaneKey | None, bytes]) -> Difference | None:
    """Return what a partition's records lack; None where they are complete.

    State of a version without seals cannot be verified, and is taken as complete. Raises
    StateError.
    """
    value = records.get(None)
    newest = 0.0
    seal: Seal | None = Seal()
    if value is not None:
        position = decode_position(value)
        newest, seal = position.newest, position.seal
    panes = {
        key: value
        for key, value in records.items()
        if key is not None and is_kept(key.level, key.start, newest)
    }
    if seal is None or (value is None and any(seal_header(each).n == 0 for each in panes.values())):
        return None
    parts = {key: _part(value, seal.n) for key, value in panes.items()}
    if digest_of(parts.items()) == seal.digest:
        return None
    return _compare(seal, parts, panes, newest)


def _part(value: bytes, n: int) -> Part:
    header = seal_header(value)
    if header.n <= n:
        return Part(header.s, header.r)
    return Part(header.p, header.q)


def _compare(
    seal: Seal, parts: Mapping[PaneKey, Part], panes: Mapping[PaneKey, bytes], newest: float
) -> Difference:
    found = Sealed()
    requests: dict[PaneKey, int] = {}
    for key, part in parts.items():
        known = part if part.requests >= 0 else part._replace(requests=requests_of(panes[key]))
        requests[key] = known.requests
        found.put(key, known)
    there = found.seal(seal.n)
    return Difference(_minus(seal.panes, there.panes), _minus(seal.requests, there.requests),
                      _days(requests, newest))  # fmt: skip


def _minus(expected: Mapping[str, int], found: Mapping[str, int]) -> dict[str, int]:
    names = sorted({*expected, *found})
    lacks = {name: expected.get(name, 0) - found.get(name, 0) for name in names}
    return {name: count for name, count in lacks.items() if count}


def _days(requests: Mapping[PaneKey, int], newest: float) -> tuple[int, ...]:
    """Return the starts of days whose day pane and hour panes hold different requests."""
    hours: dict[int, int] = {}
    for (level, start), count in requests.items():
        if level is HOUR:
            day = start - start % DAY.seconds
            hours[day] = hours.get(day, 0) + count
    days = {start: count for (level, start), count in requests.items() if level is DAY}
    # The hours of a day are comparable while all of them are kept.
    comparable = [day for day in sorted({*hours, *days}) if is_kept(HOUR, day, newest)]
    return tuple(day for day in comparable if hours.get(day, 0) != days.get(day, 0))[-MAX_DAYS:]
