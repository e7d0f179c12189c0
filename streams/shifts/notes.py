"""Known events (a launch, a price change, a deploy): which ones a shift may be due to, in words.

A note is at one moment or in a period. It may be on a dimension or on one of its keys; then it is
named for shifts of that key only, and a note on a model also for shifts that the model moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from streams.state.pane import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

#: Notes that a shift names, the most specific and newest ones.
MAX_NAMED = 3
#: How long before a statement on a window an event may have been to have moved it: the window, and
#: what alerts wait for. Of a drift also from a day before it began.
REACH_SECONDS: Final[Mapping[str, int]] = {
    "1h": 6 * HOUR.seconds,
    "24h": 2 * DAY.seconds,
    "7d": 14 * DAY.seconds,
}


@dataclass(frozen=True, slots=True)
class Note:
    """One known event, in unix seconds; `end` is None of a moment, and may lie ahead."""

    start: int
    text: str
    end: int | None = None
    dimension: str = ""
    key: str = ""

    @property
    def at(self) -> str:
        """The start in ISO 8601."""
        return f"{datetime.fromtimestamp(self.start, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of a file, oldest first, and the digest of its bytes.

    `is_current` is False where a fault in the file keeps the notes read before; `read_at` is when
    they were read (unix seconds). Both are None without a file. `omitted` are older notes beyond
    the limit.
    """

    entries: tuple[Note, ...] = ()
    digest: bytes = b""
    is_current: bool | None = None
    read_at: float | None = None
    omitted: int = 0


class Subject(NamedTuple):
    """The shift that notes are sought for: its key, and the time in which the event may have been.

    `first` and `last` in unix seconds; `movers` are the models that moved it.
    """

    dimension: str
    key: str
    first: float
    last: float
    movers: Collection[str] = ()


def reach(window: str, as_of: float, since: float | None = None) -> float:
    """Return how early an event may have been for a statement at `as_of`, in unix seconds.

    `since` is when a drift began.
    """
    first = as_of - REACH_SECONDS[window]
    return first if since is None else min(first, since - DAY.seconds)


def notes_on(subject: Subject, notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return the notes that name a shift's cause: those on its key first, then the newest."""
    found = [each for each in notes if _is_in_time(each, subject) and _is_on(each, subject)]
    found.sort(key=lambda each: (bool(each.key), bool(each.dimension), each.start), reverse=True)
    # What is noted of several keys is named once.
    by_name: dict[tuple[int, str], Note] = {}
    for each in found:
        by_name.setdefault((each.start, each.text), each)
    return tuple(by_name.values())[:MAX_NAMED]


def _is_in_time(note: Note, subject: Subject) -> bool:
    end = note.start if note.end is None else note.end
    return note.start <= subject.last and end >= subject.first


def _is_on(note: Note, subject: Subject) -> bool:
    if not note.dimension or (note.dimension == subject.dimension and not note.key):
        return True
    if note.dimension == subject.dimension:
        return note.key == subject.key
    return note.dimension == "model" and note.key in subject.movers


def words(note: Note) -> str:
    """Return a note in words: `note of Mon 6 Jul 09:00 UTC: hy3 is free`."""
    return f"note of {when(note)}: {note.text}"


def when(note: Note) -> str:
    """Return the time of a note; midnight and the time of a period are left out."""
    start = datetime.fromtimestamp(note.start, UTC)
    if note.end is not None:
        return f"{_day(start)} to {_day(datetime.fromtimestamp(note.end, UTC))}"
    return f"{_day(start)} {start:%H:%M} UTC" if note.start % DAY.seconds else _day(start)


def _day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b}"
