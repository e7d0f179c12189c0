"""The snapshot that /metrics, the API and the page read: built whole, swapped in one assignment.

A snapshot is immutable, so a reader never sees a partial update.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from streams.classify.keys import OTHER, UNKNOWN
from streams.shares.grouping import (
    SHOWN_DEVELOPERS,
    SHOWN_LANGUAGES,
    SHOWN_PROVIDERS,
    UnknownModel,
    choose,
    unknown_models,
)
from streams.shares.policy import Policy
from streams.shares.window_shares import WindowShares, window_shares
from streams.shares.windows import WINDOWS
from streams.shifts.live import alerting
from streams.shifts.models import WindowModels, larger
from streams.shifts.movers import Shift
from streams.shifts.notes import Notes, Subject, notes_on, reach
from streams.shifts.sentence import leading
from streams.state.counts import Counts, add_all, add_counts, added_up, minus, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.classify.keys import Dimension
    from streams.classify.origin.catalog import Catalog
    from streams.shares.windows import Windows
    from streams.shifts.movers import Moved
    from streams.shifts.notes import Note
    from streams.shifts.shift import Shifts
    from streams.state.codec import PositionRecord
    from streams.state.seal import Loss

#: The dimensions of the running totals.
TOTALS = ("origin", "language", "developer", "provider")
#: The window in which models are watched.
_DAY = "24h"
#: Reasons why a worker is not ready: the label on /metrics, and the response of /readyz.
STATES = {
    "rebalancing": "partitions are being assigned",
    "recovering": "the changelog is being read",
    "drawing": "the first snapshot is being computed",
    "lag_unknown": "Kafka has not reported the end offsets of the source topic: the lag is unknown",
    "incomplete": "the changelog has lost records, and no worker has written them again yet",
    "not_writing": "the changelog or the dead-letter topic cannot be written",
    "login_refused": "Kafka refuses the login or TLS",
    "no_token": "there is no token for the login to Kafka: the log names the reason",
    "clock_wrong": "this worker's clock is wrong, and its time is corrected: check its NTP",
}


#: Writers of usage that no reader takes that are shown; the further ones of a format together.
MAX_SOURCES = 100


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """Read position of a source partition. Offsets are the next ones; None where not known.

    `state_bytes` is the total size of its stored values, and `lost` what the changelog has lost.
    """

    partition: int
    position: int | None
    end_offset: int | None
    newest: float | None
    is_owned: bool
    state_bytes: int = 0
    lost: Loss | None = None

    @property
    def lag(self) -> int | None:
        """Return the number of records in Kafka that the shown counts do not include yet."""
        if self.end_offset is None:
            return None
        return max(0, self.end_offset - (self.position or 0))


class ShiftName(NamedTuple):
    """What identifies a shift."""

    dimension: str
    key: str
    measure: str
    window: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is shown at one moment. `totals` covers all partitions, not just this process.

    `unread` are the items whose usage no reader takes, by `format/source`; `unread_at` is the event
    time at which the last one came, 0 where none did.
    """

    as_of: float
    made_at: float
    windows: Mapping[str, WindowShares] = field(default_factory=dict)
    totals: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    unread: Mapping[str, int] = field(default_factory=dict)
    unread_at: float = 0.0
    unknown: Mapping[str, tuple[UnknownModel, ...]] = field(default_factory=dict)
    partitions: tuple[PartitionStatus, ...] = ()
    reasons: tuple[str, ...] = ("starting",)
    shown: Mapping[Dimension, frozenset[str]] = field(default_factory=dict)
    #: Counts by model and provider, of each window; and the start of all that is counted.
    pairs: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)
    since: float | None = None
    #: The larger models of the day's window.
    models: WindowModels | None = None
    shifts: tuple[Shifts, ...] = ()
    shifts_as_of: float = 0.0
    #: What moved the shifts that alerts may name.
    moved: Mapping[ShiftName, Moved] = field(default_factory=dict)
    #: Known events, and those that a shift which alerts now may be due to.
    notes: Notes = field(default_factory=Notes)
    noted: Mapping[ShiftName, tuple[Note, ...]] = field(default_factory=dict)
    #: The policy for groups of tenants, and tokens by group and excluded origin.
    policy: Policy = field(default_factory=Policy)
    excluded: Mapping[tuple[str, str], int] = field(default_factory=dict)


def take(  # noqa: PLR0917 - everything that a snapshot shows, named at the one call
    windows: Windows,
    positions: Iterable[PositionRecord],
    catalog: Catalog,
    now: float,
    partitions: tuple[PartitionStatus, ...],
    reasons: tuple[str, ...],
    before: Snapshot | None,
) -> Snapshot:
    """Return the snapshot of windows and positions; `now` is the wall clock."""
    as_of = windows.as_of
    sums = windows.sums()
    grouped = {name: each.by_dimension(catalog) for name, each in sums.items()}
    longest = grouped[WINDOWS[-1].name]
    shown_before = before.shown if before is not None else {}
    shown: dict[Dimension, frozenset[str]] = {
        "language": choose(
            shown_before.get("language", frozenset()), longest["language"], SHOWN_LANGUAGES
        ),
        "developer": choose(
            shown_before.get("developer", frozenset()), longest["developer"], SHOWN_DEVELOPERS
        ),
        "provider": choose(
            shown_before.get("provider", frozenset()), longest["provider"], SHOWN_PROVIDERS
        ),
    }
    positions = list(positions)
    totals, records, events, late = add_totals(positions)
    return Snapshot(
        as_of=as_of,
        made_at=now,
        windows={
            length.name: window_shares(
                length.name, length.seconds, as_of, grouped[length.name], shown, catalog
            )
            for length in WINDOWS
        },
        totals=totals,
        records=records,
        events=events,
        late=late,
        unread=add_unread(positions),
        unread_at=max((each.totals.unread_at for each in positions), default=0.0),
        unknown={name: unknown_models(each.unknown, catalog) for name, each in sums.items()},
        partitions=partitions,
        reasons=reasons,
        shown=shown,
        # The sums go on: keys get other counts, but these counts stay as they are.
        pairs={name: each.pair.copy() for name, each in sums.items()},
        since=windows.since(),
        models=_models(grouped[_DAY]),
    )


def _models(day: Mapping[str, Mapping[str, Counts]]) -> WindowModels:
    whole = added_up(day["origin"].values())
    return WindowModels(whole[0], tokens_of(whole), larger(day["model"]))


def _add_unserved(totals: dict[str, dict[str, Counts]]) -> None:
    """Add the requests whose record names no provider to those of an unknown one."""
    whole, served = (added_up(totals[each].values()) for each in ("origin", "provider"))
    rest = minus(whole, served)
    if any(rest):
        add_counts(totals["provider"], UNKNOWN, rest)


def add_totals(
    positions: Iterable[PositionRecord],
) -> tuple[dict[str, dict[str, Counts]], dict[str, int], dict[str, int], int]:
    """Sum the totals of all partitions: by dimension, by result, by format, and the late."""
    totals: dict[str, dict[str, Counts]] = {each: {} for each in TOTALS}
    records: dict[str, int] = {}
    events: dict[str, int] = {}
    late = 0
    for position in positions:
        each = position.totals
        for dimension, counted in (
            ("origin", each.origins),
            ("language", each.languages),
            ("developer", each.developers),
            ("provider", each.providers),
        ):
            add_all(totals[dimension], counted)
        for result, count in each.records.items():
            records[result] = records.get(result, 0) + count
        for name, count in each.events.items():
            events[name] = events.get(name, 0) + count
        late += each.late
    _add_unserved(totals)
    return totals, records, events, late


def add_unread(positions: Iterable[PositionRecord]) -> dict[str, int]:
    """Return the items whose usage no reader takes by `format/source`: the most frequent ones."""
    found: Counter[str] = Counter()
    for each in positions:
        found.update(each.totals.unread)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(ranked[:MAX_SOURCES])
    for key, count in ranked[MAX_SOURCES:]:
        rest = f"{key.partition('/')[0]}/{OTHER}"
        shown[rest] = shown.get(rest, 0) + count
    return shown


def find_shift(
    snapshot: Snapshot, dimension: str, key: str, measure: str, window: str
) -> Shift | None:
    """Return a shift that a snapshot has; None where it has none for the key."""
    for shifts in snapshot.shifts:
        if (shifts.dimension, shifts.measure, shifts.window) != (dimension, measure, window):
            continue
        for each in shifts.keys:
            if each.key == key and each.shift is not None:
                shown = frozenset(one.key for one in shifts.keys)
                at = (shifts.measure, shifts.window, snapshot.shifts_as_of)
                return Shift(dimension, key, *at, each, shown)
    return None


def find_noted(snapshot: Snapshot) -> dict[ShiftName, tuple[Note, ...]]:
    """Return the known events that each shift which alerts now may be due to."""
    if not snapshot.notes.entries:
        return {}
    found = {}
    for table, shifted in alerting(snapshot.shifts):
        for each in table.keys:
            if each.key in shifted:
                name = ShiftName(table.dimension, each.key, table.measure, table.window)
                notes = notes_of(snapshot, name, each.since, snapshot.moved.get(name))
                if notes:
                    found[name] = notes
    return found


def notes_of(
    snapshot: Snapshot, name: ShiftName, since: float | None, moved: Moved | None
) -> tuple[Note, ...]:
    """Return the known events that a shift may be due to; `since` is when a drift began."""
    as_of = snapshot.shifts_as_of
    movers = [mover for mover, _ in leading(moved, name.dimension)]
    first = reach(name.window, as_of, since)
    subject = Subject(name.dimension, name.key, first, as_of, movers)
    return notes_on(subject, snapshot.notes.entries)
