"""Accumulate events that count, by time and key, until they are put into panes.

They wait here for the next flush; a pane that has expired by then is never made: a backlog of weeks
passes hundreds of short panes between two flushes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.classify.key_tables import beside, left_of, right_of
from streams.counting.grouped import Grouped, grouped, joined, parts_by_first
from streams.state.adding import EXACT
from streams.state.codec import PaneKey
from streams.state.counts import (
    CACHE_STATED,
    CACHED,
    CORE,
    COST,
    COST_SQUARES,
    ESTIMATED,
    ESTIMATED_TOKENS,
    PRICED,
    PRICED_TOKENS,
    REASONING,
    Counts,
)
from streams.state.packing import Table, as_counts, below
from streams.state.pane import LEVELS, TENANTS, Level, kept_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from streams.classify.key_tables import KeyTables
    from streams.counting.aggregate import Counting
    from streams.counting.grouped import Values

# Each column takes bytes in every pane, so a map has what is asked of it: origins their standard
# errors by cost, tenants their tokens only. Running totals are few and have all but those errors.
OF_MODELS = frozenset(
    (CACHED, CACHE_STATED, COST, PRICED, PRICED_TOKENS, ESTIMATED, ESTIMATED_TOKENS)
)
OF_CELLS = OF_MODELS | {COST_SQUARES}
OF_TOTALS = OF_MODELS | {REASONING}

#: With more rows than this, or of more additions, what falls together is added up. If that leaves
#: over half of the rows, they are put into panes before the next flush.
MAX_ROWS, MAX_PARTS = 65_536, 256
#: The levels of panes, from fine to coarse, that a backlog passes hundreds of between two flushes.
_SHORT_LEVELS = 2
#: The low bits of a slot are the number of its level.
_LEVEL_BITS = 3


class TotalCounts(NamedTuple):
    """What is added to running totals: counts by key."""

    origins: dict[str, Counts]
    languages: dict[str, Counts]
    developers: dict[str, Counts]
    providers: dict[str, Counts]


def slots_of(
    seconds: NDArray[np.int64], levels: Sequence[Level], newest: float
) -> NDArray[np.int64]:
    """Return the shortest pane that holds each time (unix seconds), as one number.

    `levels` are from fine to coarse: the pane is at the finest level where it is kept when `newest`
    is the newest event time, and at the coarsest one if it is kept at none.
    """
    starts = _starts(seconds, levels[0].seconds)
    if seconds.min() - levels[0].seconds > kept_after(levels[0], newest):
        return starts << _LEVEL_BITS
    found = np.empty(len(seconds), dtype=np.int64)
    left = np.ones(len(seconds), dtype=bool)
    for number, level in enumerate(levels):
        starts = _starts(seconds, level.seconds)
        is_last = number == len(levels) - 1
        here = left if is_last else left & (starts > kept_after(level, newest))
        found[here] = (starts[here] << _LEVEL_BITS) + number
        left = left & ~here
        if not left.any():
            break
    return found


def _starts(seconds: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return the start of the pane of this length (seconds) that each time is in."""
    first = int(seconds.min())
    first -= first % length
    if int(seconds.max()) < first + length:
        # As nearly always in live traffic: a remainder of each takes several times as long.
        return np.full(len(seconds), first)
    return seconds - seconds % length


def starts_of(slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first second of each slot."""
    return slots >> _LEVEL_BITS


def _level_numbers(slots: NDArray[np.int64]) -> NDArray[np.int64]:
    return slots & ((1 << _LEVEL_BITS) - 1)


def _added_up(parts: list[Grouped]) -> Grouped:
    """Return the rows of one or more parts, each pair of keys once, and keep them as one part."""
    if len(parts) > 1:
        parts[:] = [grouped(*joined(parts))]
    return parts[0]


class _Waiting(NamedTuple):
    """What waits; each list is of rows that may repeat a pair of keys."""

    #: By slot, and by pair of model and language beside provider.
    served: list[Grouped]
    #: By pane of tenants, and by tenant beside origin or beside language.
    by_origin: list[Grouped]
    by_language: list[Grouped]


class Accumulator:
    """Events that count, added up and not in a pane yet; numbers are those of `keys`.

    `levels` are those of the panes, from fine to coarse, and `tenants` that of the panes of
    tenants; None where they are not counted. `is_full` says that it should be put into panes, or
    the part of it that `split` returns first where the other `has_room`.
    """

    def __init__(
        self,
        keys: KeyTables,
        levels: Sequence[Level] = LEVELS,
        tenants: Level | None = TENANTS,
        waiting: _Waiting | None = None,
        sums: dict[int, float] | None = None,
    ) -> None:
        self.keys = keys
        self._levels = levels
        self._tenants = tenants
        self._served, *self._of_tenants = waiting or _Waiting([], [], [])
        self._sums = sums or {}
        self._rows = sum(len(part) for parts in waiting or () for part in parts)
        self.is_full = False

    def __len__(self) -> int:
        return self._rows

    @property
    def has_room(self) -> bool:
        """Return whether many more rows can be added; else it is added up after every few."""
        return self._rows <= MAX_ROWS // 2

    def add(self, counting: Counting, newest: float) -> None:
        """Add events; `newest` is the newest event time, theirs included."""
        rows = counting.rows
        values = self._exact(counting.values)
        seconds = rows.ts.astype(np.int64)
        slots = slots_of(seconds, self._levels, newest)
        self._append(self._served, slots, beside(rows.pair, rows.provider), values)
        named = rows.tenant >= 0
        if self._tenants is not None and named.any():
            self._add_tenants(counting, values, seconds, named)
        if self._rows > MAX_ROWS or len(self._served) > MAX_PARTS:
            self._thin_out(newest)

    def _append(
        self,
        parts: list[Grouped],
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        values: Values,
    ) -> None:
        parts.append(grouped(first, second, values))
        self._rows += len(parts[-1])

    def _add_tenants(
        self,
        counting: Counting,
        values: Values,
        seconds: NDArray[np.int64],
        named: NDArray[np.bool_],
    ) -> None:
        assert self._tenants is not None
        core = {number: column for number, column in values.items() if number < CORE}
        pairs, tenants = counting.rows.pair, counting.rows.tenant
        if not named.all():
            core = {number: column[named] for number, column in core.items()}
            seconds, pairs, tenants = seconds[named], pairs[named], tenants[named]
        starts = _starts(seconds, self._tenants.seconds)
        of_pairs = self.keys.pairs()
        for into, others in zip(
            self._of_tenants, (of_pairs.origin, of_pairs.language), strict=True
        ):
            self._append(into, starts, beside(tenants, others[pairs]), core)

    def _exact(self, values: Values) -> Values:
        """Return the columns, as Python's integers where sums of int64 could overflow."""
        found = {}
        for number, column in values.items():
            # At most as much: a sum in floats takes several times as long.
            total = self._sums.get(number, 0.0) + float(column.max()) * len(column)
            self._sums[number] = total
            found[number] = column if total < EXACT else column.astype(object)
        return found

    def split(self, newest: float) -> tuple[Accumulator, Accumulator]:
        """Return what is in long panes only, for event time has left it behind, and the rest.

        `newest` is the newest event time.
        """
        served = _added_up(self._served)
        parts = [(served, _level_numbers(served.first) >= _SHORT_LEVELS)]
        for rows in map(_added_up, filter(None, self._of_tenants)):
            assert self._tenants is not None
            parts.append((rows, rows.first + self._tenants.seconds <= newest))
        old = [[rows.where(is_old)] for rows, is_old in parts]
        rest = [[rows.where(~is_old)] for rows, is_old in parts]
        return self._of(old), self._of(rest)

    def _of(self, waiting: list[list[Grouped]]) -> Accumulator:
        served, by_origin, by_language = (*waiting, [], [])[:3]
        waits = _Waiting(served, by_origin, by_language)
        return Accumulator(self.keys, self._levels, self._tenants, waits, self._sums)

    def _thin_out(self, newest: float) -> None:
        """Add up what falls together by now: event time has left short panes behind."""
        rows = joined(self._served)
        slots = slots_of(starts_of(rows.first), self._levels, newest)
        self._rows = 0
        self._served = []
        self._append(self._served, slots, rows.second, rows.values)
        for parts in self._of_tenants:
            if parts:
                kept = self._kept_tenants(joined(parts), newest)
                parts.clear()
                self._append(parts, *kept)
        self.is_full = not self.has_room

    def _kept_tenants(self, rows: Grouped, newest: float) -> Grouped:
        assert self._tenants is not None
        return rows.where(rows.first > kept_after(self._tenants, newest))

    def totals(self) -> TotalCounts:
        """Return all that is held by the keys of running totals."""
        rows = _added_up(self._served)
        pairs, of_pairs = left_of(rows.second), self.keys.pairs()
        providers = right_of(rows.second)
        whole = np.zeros(len(rows), dtype=np.int64)

        def by(numbers: NDArray[np.int64], names: list[str]) -> dict[str, Counts]:
            found = rows.by(whole, numbers, OF_TOTALS)
            return {
                names[number]: counts
                for number, counts in zip(
                    found.second.tolist(), as_counts(found.table()), strict=True
                )
                if number >= 0
            }

        return TotalCounts(
            by(of_pairs.origin[pairs], self.keys.origins.names),
            by(of_pairs.language[pairs], self.keys.languages.names),
            by(of_pairs.developer[pairs], self.keys.developers.names),
            by(providers, self.keys.providers.names) if (providers >= 0).any() else {},
        )

    def panes(self, newest: float) -> Iterator[tuple[PaneKey, Table]]:
        """Yield what is held by pane, of those that are kept when `newest` is the newest time.

        Tables are of cells, models and tenants.
        """
        rows = _added_up(self._served)
        whole: Table | None = None
        for number, level in enumerate(self._levels):
            here = rows.where(_level_numbers(rows.first) <= number)
            starts = starts_of(here.first)
            starts = starts - starts % level.seconds
            kept = starts > kept_after(level, newest)
            here, starts = here.where(kept), starts[kept]
            if not len(here):
                continue
            if len(here) == len(rows) and (starts == starts[0]).all():
                # Events of the last seconds: one pane at each level, with the same counts.
                if whole is None:
                    ((_, whole),) = self._of_level(level, here, starts)
                yield PaneKey(level, int(starts[0])), whole
            else:
                yield from self._of_level(level, here, starts)
        if self._tenants is not None and self._of_tenants[0]:
            yield from self._panes_of_tenants(newest, self._tenants)

    def _of_level(
        self, level: Level, rows: Grouped, starts: NDArray[np.int64]
    ) -> Iterator[tuple[PaneKey, Table]]:
        pairs, of_pairs = left_of(rows.second), self.keys.pairs()
        cells = rows.by(starts, of_pairs.cell[pairs], OF_CELLS)
        served = beside(of_pairs.model[pairs], right_of(rows.second))
        models = rows.by(starts, served, OF_MODELS)
        for (start, of_cells), (_, of_models) in zip(
            parts_by_first(cells, self.keys.cell_keys),
            parts_by_first(models, self.keys.served_keys),
            strict=True,
        ):
            both = below(of_cells.rows, of_models.rows)
            yield PaneKey(level, start), Table([of_cells.names, of_models.names, []], both)

    def _panes_of_tenants(self, newest: float, level: Level) -> Iterator[tuple[PaneKey, Table]]:
        by_origin, by_language = (
            self._kept_tenants(_added_up(parts), newest) for parts in self._of_tenants
        )
        if not len(by_origin):
            return
        for (start, origins), (_, languages) in zip(
            parts_by_first(by_origin, self.keys.tenant_origin_keys),
            parts_by_first(by_language, self.keys.tenant_language_keys),
            strict=True,
        ):
            names = [*origins.names, *languages.names]
            both = below(origins.rows, languages.rows)
            yield PaneKey(level, start), Table([[], [], names], both)
