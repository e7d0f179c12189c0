"""Shares of tenants, and of the part of the traffic that is one tenant's.

Tenants are counted by the hour, for nine days, with origins and with languages, and by requests and
tokens. So only the windows of a day and of a week have them, in whole hours: the first one is that
after the window's start, as in a window of hours. What names no tenant is `unknown`.
Their origins are those of the time of counting: models are not counted by tenant, so that nothing
can be reclassified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from streams.classify.keys import JOINT, OTHER, TENANT, UNKNOWN, split_cell
from streams.shares.grouping import choose, top
from streams.shares.history import STEPS, point, step_start
from streams.shares.windows import KEPT_WINDOW_MODELS, MAX_WINDOW_MODELS, WINDOWS, Names
from streams.state.codec import decode_pane
from streams.state.counts import (
    CORE,
    UNMEASURED,
    add_all,
    add_counts,
    added_up,
    minus,
    tokens_of,
)
from streams.state.pane import HOUR, TENANTS, pane_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from streams.shares.filtered import Filter
    from streams.shares.history import History, Panes
    from streams.state.counts import Counts
    from streams.state.view import View

#: The windows that are whole hours.
TENANT_WINDOWS: Final = tuple(each for each in WINDOWS if each.seconds >= 24 * HOUR.seconds)
#: The steps that an hour fits in.
TENANT_STEPS: Final = tuple(name for name, step in STEPS.items() if step.seconds >= HOUR.seconds)
#: Tenants that are shown by name.
SHOWN_TENANTS: Final = 50
#: The names of the axes in a pane's keys.
_AXES: Final = {"origin": "o", "language": "l"}


class TenantPanes(NamedTuple):
    """The hours that tenants are read from: their records by start, and those of all traffic."""

    as_of: float
    tenants: Mapping[int, tuple[bytes, ...]]
    hours: Panes


class Counted(NamedTuple):
    """Counts of some hours: by `tenant/o/origin` and `tenant/l/language`, and by `origin/language`.

    `named` are the sums of all tenants, by `o/origin` and `l/language`: those too small for a name
    are in them, too.
    """

    tenants: Mapping[str, Counts]
    named: Mapping[str, Counts]
    joint: Mapping[str, Counts]

    def cells(self, dimension: str, chosen: Filter) -> dict[str, Counts]:
        """Return the counts of a part by the keys of `tenant`, `origin` or `language`."""
        axis = "language" if "language" in {dimension, *chosen} else "origin"
        found: dict[str, Counts] = {}
        for tenant, key, counts in self._rows(axis):
            names = {TENANT: tenant, axis: key}
            if names.items() >= chosen.items():
                add_counts(found, names[dimension], counts)
        if dimension == TENANT and TENANT not in chosen:
            self._add_others(found, axis, chosen)
        return {key: _without_prices(each) for key, each in found.items()}

    def whole(self, chosen: Filter) -> Counts:
        """Return the counts of a part; of all traffic where nothing is chosen."""
        if TENANT in chosen:
            return added_up(self.cells(TENANT, chosen).values())
        return _without_prices(self._all(chosen))

    def _all(self, chosen: Filter) -> Counts:
        return added_up(
            counts
            for key, counts in self.joint.items()
            if dict(zip(_AXES, split_cell(key)[:2], strict=True)).items() >= chosen.items()
        )

    def _rows(self, axis: str) -> Iterator[tuple[str, str, Counts]]:
        for each, counts in self.tenants.items():
            tenant, letter, key = each.split("/", 2)
            if letter == _AXES[axis]:
                yield tenant, key, counts

    def _add_others(self, found: dict[str, Counts], axis: str, chosen: Filter) -> None:
        """Add what has no name of its own, and what names no tenant."""
        wanted = chosen.get(axis)
        named = added_up(
            counts
            for each, counts in self.named.items()
            for letter, _, key in [each.partition("/")]
            if letter == _AXES[axis] and wanted in {None, key}
        )
        for key, rest in (
            (OTHER, minus(named, added_up(found.values()))),
            (UNKNOWN, minus(self._all(chosen), named)),
        ):
            if rest[0] > 0:
                add_counts(found, key, rest)


def counted(tenants: Mapping[str, Counts], joint: Mapping[str, Counts]) -> Counted:
    """Return the counts of a pane's tenants, and of all its traffic by cells."""
    return Counted(tenants, _by_axis(tenants), joint)


def _without_prices(counts: Counts) -> Counts:
    """Return requests and tokens; prices and cache reads are not counted by tenant."""
    return [*counts[:CORE], *(0 for _ in range(CORE, UNMEASURED)), tokens_of(counts)]


class _Window:
    """Running sums of the hours of one window, by tenant."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self.clear()

    def clear(self) -> None:
        self._moment = 0
        self._held: dict[int, tuple[int, tuple[bytes, ...]]] = {}
        self._named: dict[str, Counts] = {}
        self._names = Names(MAX_WINDOW_MODELS, KEPT_WINDOW_MODELS, _tenant_of)

    def counted(self, panes: TenantPanes, joint: Mapping[int, Mapping[str, Counts]]) -> Counted:
        """Return the sums at a moment; only the hours that have changed since are read again."""
        last = pane_start(HOUR, panes.as_of)
        hours = range(last - self._seconds + HOUR.seconds, last + 1, HOUR.seconds)
        wanted = {start: panes.tenants[start] for start in hours if panes.tenants.get(start)}
        for start, (moment, values) in list(self._held.items()):
            if wanted.get(start) is not values:
                del self._held[start]
                self._subtract(decoded(values), moment)
        for start, values in wanted.items():
            if start not in self._held:
                self._moment += 1
                self._held[start] = self._moment, values
                counts = decoded(values)
                self._names.add(counts, self._moment)
                add_all(self._named, _by_axis(counts))
        whole: dict[str, Counts] = {}
        for start in hours:
            add_all(whole, joint.get(start, {}))
        return Counted(self._names.counts, self._named, whole)

    def _subtract(self, counts: dict[str, Counts], moment: int) -> None:
        self._names.subtract(counts, moment)
        for key, each in _by_axis(counts).items():
            left = minus(self._named[key], each)
            if any(left):
                self._named[key] = left
            else:
                del self._named[key]


def _tenant_of(key: str) -> str:
    return key.partition("/")[0]


def _by_axis(counts: Mapping[str, Counts]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for key, each in counts.items():
        add_counts(found, key.partition("/")[2], each)
    return found


def decoded(values: tuple[bytes, ...]) -> dict[str, Counts]:
    """Return an hour's counts by tenant and origin, and by tenant and language."""
    found: dict[str, Counts] = {}
    for value in values:
        add_all(found, decode_pane(value).tenants)
    return found


class TenantShares:
    """The counts of windows and histories by tenant.

    `panes` is called in the thread that changes the view; the rest in any, but one at a time.
    """

    def __init__(self, view: View, history: History) -> None:
        self._view = view
        self._history = history
        self._windows = {each.name: _Window(each.seconds) for each in TENANT_WINDOWS}

    def panes(
        self, as_of: float, start: float | None = None, end: float | None = None
    ) -> TenantPanes:
        """Return the hours of the windows, or those that start in `[start, end)`."""
        last = pane_start(HOUR, as_of)
        begin = last - max(each.seconds for each in TENANT_WINDOWS)
        if start is not None:
            begin = pane_start(HOUR, start)
        hours = self._history.panes(HOUR, begin, end)
        first = last - TENANTS.keep_seconds
        tenants = {
            each: self._view.values_at(TENANTS, each) for each in hours.values if each > first
        }
        return TenantPanes(as_of, tenants, hours)

    def windows(self, panes: TenantPanes) -> dict[str, Counted]:
        """Return the counts of the windows that have tenants, by name."""
        joint = self._joint(panes)
        return {name: window.counted(panes, joint) for name, window in self._windows.items()}

    def history(
        self, panes: TenantPanes, dimension: str, step: str, chosen: Filter
    ) -> dict[str, Any]:
        """Return the body of /api/v1/history of tenants, or of the part that is one tenant's."""
        found: dict[int, dict[str, Counts]] = {}
        seconds = STEPS[step].seconds
        for start, joint in self._joint(panes).items():
            counts = decoded(panes.tenants.get(start, ()))
            cells = counted(counts, joint).cells(dimension, chosen)
            if start in panes.tenants and cells:
                add_all(found.setdefault(step_start(start, seconds), {}), cells)
        whole: dict[str, Counts] = {}
        for cells in found.values():
            add_all(whole, cells)
        shown = _shown(whole)
        return {
            "dimension": dimension,
            "step": step,
            "seconds": seconds,
            "as_of": panes.as_of,
            "points": [point(start, top(cells, shown)) for start, cells in found.items()],
        }

    def _joint(self, panes: TenantPanes) -> dict[int, dict[str, Counts]]:
        return {
            start: self._history.cells(panes.hours, start, JOINT) for start in panes.hours.values
        }


def _shown(cells: Mapping[str, Counts]) -> frozenset[str]:
    # What names no tenant is no small tenant, however little it is.
    return choose(frozenset(), cells, SHOWN_TENANTS) | {UNKNOWN}


def largest(cells: Mapping[str, Counts]) -> dict[str, Counts]:
    """Return the largest keys by name, the rest as `other`, largest first."""
    shown = top(cells, _shown(cells))
    ranked = sorted(shown, key=lambda key: (key == OTHER, -tokens_of(shown[key]), key))
    return {key: shown[key] for key in ranked}
