"""Find what moved a worker's own share: its panes as the parts of streams/shifts/attribution.py.

A key's counts are split by its members: an origin's by model and by language, a developer's by
model, a language's by origin, and origins and languages by tenant. The window's counts come from
its 5-minute panes, the expected counts from the hours of the seven days before, as in
streams/shifts/shift.py. So the contributions of each split add up to the shift that is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.classify.keys import OTHER, TENANT_DIMENSIONS, UNKNOWN
from streams.shares.grouping import choose
from streams.shares.history import added_names, packed_models
from streams.shifts.attribution import Attribution, Part, attribute, expected_members
from streams.shifts.baseline import BASELINE_HOURS, HOURS_A_DAY
from streams.shifts.drift import DRIFT_HOURS, RECENT_DAYS
from streams.shifts.evaluation import DRIFT_WINDOW, PANES_OF, centre
from streams.shifts.live import tenants_of
from streams.shifts.series import MIN_PRICED_PART
from streams.state.counts import COST, PRICED_TOKENS, REQUESTS, add_counts, at, tokens_of
from streams.state.packing import unpack
from streams.state.pane import HOUR, MIDDLE, TENANTS, pane_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.classify.origin.catalog import Catalog
    from streams.shares.history import History, Panes
    from streams.shifts.alert_rules import Window
    from streams.shifts.series import Array, Measure
    from streams.shifts.shift import KeyShift
    from streams.state.counts import Counts
    from streams.state.view import View

MAX_MOVERS = 8
#: Models that are examined individually; the key's counts beyond them are `other`.
MAX_MEMBERS = 512

#: The requested measure by member, by the start of a pane: whole numbers, cost in nano-dollars. All
#: counts of a week's hours would take tens of megabytes.
Members = dict[int, dict[str, int]]
#: Counts of all keys together, by the start of a pane.
Wholes = dict[int, "Counts"]
#: The requested measure of these counts, by the start of an hour; cost in nano-dollars.
Amounts = dict[int, dict[str, float]]


class Shift(NamedTuple):
    """The shift to attribute: its key, its measure and its window, which ends at `as_of`.

    `statistics` are those of streams/shifts/shift.py. `shown` are the keys that are shown by name;
    all others are `other`.
    """

    dimension: str
    key: str
    measure: Measure
    window: Window
    as_of: float
    statistics: KeyShift
    shown: frozenset[str]


class MoverPanes(NamedTuple):
    """The panes that a shift is attributed from; tenants' records by hour."""

    hours: Panes
    panes: Panes
    tenants: dict[int, tuple[bytes, ...]]


class Moved(NamedTuple):
    """A shift by its members; None where the key's members are unknown or not counted.

    Tenants are counted by tokens and requests: of cost they are None.
    """

    models: Attribution | None
    joint: Attribution | None
    tenants: Attribution | None

    @property
    def shift(self) -> float | None:
        """Return the shift that the members add up to, None where none are known."""
        return next((each.shift for each in (self.joint, self.models) if each is not None), None)


#: Nothing is known of the members of a model.
_NOTHING = Moved(None, None, None)


def panes(view: View, history: History, shift: Shift) -> MoverPanes:
    """Return the panes that `moved` needs, in the thread that changes the view."""
    here, last = pane_start(HOUR, shift.as_of), pane_start(MIDDLE, shift.as_of)
    if shift.dimension == "model":
        return MoverPanes(history.panes(HOUR, here, here), history.panes(MIDDLE, here, here), {})
    if shift.window == DRIFT_WINDOW:
        hours = history.panes(HOUR, here - DRIFT_HOURS * HOUR.seconds, here)
        return MoverPanes(hours, history.panes(MIDDLE, here, here), {})
    opens = last - (PANES_OF[shift.window] - 1) * MIDDLE.seconds
    first, _ = _baseline_of(shift)
    return MoverPanes(
        history.panes(HOUR, first, here + 1),
        history.panes(MIDDLE, opens, last + 1),
        {start: view.values_at(TENANTS, start) for start in range(first, here + 1, HOUR.seconds)}
        if shift.dimension in TENANT_DIMENSIONS and shift.measure != "cost"
        else {},
    )


def moved(history: History, needed: MoverPanes, shift: Shift) -> Moved:
    """Return what moved a shift; for any thread."""
    if shift.dimension == "model":
        return _NOTHING
    if shift.window == DRIFT_WINDOW:
        return _drifted(history, needed.hours, shift)
    split = _Split(shift, *_baseline_of(shift))
    in_hours, wholes = _members(history, needed.hours, split)
    in_panes, of_panes = _members(history, needed.panes, split)
    of_window = _by_hour(in_panes)
    split.measure(in_hours, wholes, of_window, _whole_hours(of_panes))
    joint = split.attributed(in_hours, of_window)
    models = None
    if shift.dimension != "language":
        packed = _packed(needed.hours), _packed(needed.panes)
        names = [each for of in packed for each in of.values()]
        named = _largest(needed.hours.catalog, split.is_own_model, names)
        counted = [_models(of, named, split) for of in packed]
        models = split.attributed(counted[0], _by_hour(counted[1]))
    own, has_tenants = {}, False
    for start, values in needed.tenants.items():
        by_tenant = tenants_of(values)[shift.dimension]
        has_tenants |= bool(by_tenant)
        own[start] = split.own_tenants(by_tenant)
    # The only part of a developer by developer is itself.
    shown = None if shift.dimension == "developer" else joint
    return Moved(models, shown, split.by_tenant(own) if has_tenants else None)


def _drifted(history: History, hours: Panes, shift: Shift) -> Moved:
    """Return what moved a drift: the counts of seven days against those of the 28 before.

    Tenants are not known of so many days.
    """
    split = _Split(shift, *_baseline_of(shift))
    cells, wholes = _members(history, hours, split)
    begins = pane_start(HOUR, shift.as_of) - RECENT_DAYS * HOURS_A_DAY * HOUR.seconds
    joint = split.between(cells, cells, wholes, begins)
    if shift.dimension != "origin":
        return Moved(None, joint, None)
    packed = _packed(hours)
    named = _largest(hours.catalog, split.is_own_model, packed.values())
    models = _models(packed, named, split)
    return Moved(split.between(models, cells, wholes, begins), joint, None)


def _baseline_of(shift: Shift) -> tuple[int, int]:
    """Return the first hour of a window's baseline, and the hour that the window ends with."""
    here, last = pane_start(HOUR, shift.as_of), pane_start(MIDDLE, shift.as_of)
    ends = centre(last) if shift.window == "1h" else here
    return ends - (BASELINE_HOURS + HOURS_A_DAY) * HOUR.seconds, ends


class _Split:
    """The arithmetic that all splits of one shift share."""

    def __init__(self, shift: Shift, first: int, ends: int) -> None:
        self._shift = shift
        #: The dimension whose cells tell the key from all others.
        self.counted_by = "developer" if shift.dimension == "developer" else "joint"
        self._first = first
        self._ends = ends
        #: The key's counts by hour: those of the whole hours, and those of the window.
        self._key_hours: Amounts = {}
        self._key_window: Amounts = {}

    def measure(
        self, hours: Members, wholes: Wholes, window: Members, window_wholes: Wholes
    ) -> None:
        """Add the counts of the key's members and of all keys, in hours and in the window."""
        nothing = [0, 0, 0, 0]
        rows = range(self._first, self._ends + 1, HOUR.seconds)
        self._totals = np.array([float(self.count(wholes.get(start, nothing))) for start in rows])
        self._window = {start: float(self.count(counts)) for start, counts in window_wholes.items()}
        for counted, into in ((hours, self._key_hours), (window, self._key_window)):
            for start, members in counted.items():
                into[start] = {self._shift.key: float(sum(members.values()))}

    def joined(self, key: str) -> str | None:
        """Return the other half of `origin/language` where one is the key, else None.

        Of developers, which have no other half, the key itself.
        """
        if self._shift.dimension == "developer":
            return self._shift.key if self._named(key) == self._shift.key else None
        origin, language = key.split("/", 1)
        if self._shift.dimension == "origin":
            return language if origin == self._shift.key else None
        return origin if self._named(language) == self._shift.key else None

    def is_own_model(self, catalog: Catalog, model: str) -> bool:
        """Return whether a model belongs to the key, an origin or a developer."""
        found = catalog.classify(model)
        if self._shift.dimension == "origin":
            return found.origin == self._shift.key
        developer = OTHER if model == OTHER else found.developer or UNKNOWN
        return self._named(developer) == self._shift.key

    def _named(self, key: str) -> str:
        return key if key in self._shift.shown else "other"

    def attributed(self, hours: Members, window: Members) -> Attribution | None:
        """Return the shift by members, from their counts in hours and in the window, by hour."""
        return self._against(_amounts(window), _amounts(hours))

    def between(
        self, members: Members, cells: Members, wholes: Wholes, begins: int
    ) -> Attribution | None:
        """Return the shift from the hours before `begins` to those from it on, by members.

        `cells` are the key's counts in parts that add up to it, `wholes` those of all keys.
        """
        parts = []
        for is_now in (True, False):
            starts = [start for start in wholes if (start >= begins) == is_now]
            total = float(sum(self.count(wholes[start]) for start in starts))
            whole = float(sum(sum(cells[start].values()) for start in starts))
            counted = _amounts({start: members[start] for start in starts})
            parts.append(Part(_added_up(counted), whole, total))
        if any(part.total <= 0 for part in parts):
            return None
        return attribute(parts[0], parts[1], MAX_MOVERS)

    def is_known(self, whole: Counts) -> bool:
        """Return whether the measure is known of enough of an hour, given by its counts."""
        priced = at(whole, PRICED_TOKENS)
        return self._shift.measure != "cost" or priced >= MIN_PRICED_PART * tokens_of(whole)

    def own_tenants(self, counted: Mapping[str, Counts]) -> dict[str, float]:
        """Return an hour's counts of the key by tenant, from its counts by `tenant/key`."""
        found: dict[str, float] = {}
        for each, counts in counted.items():
            tenant, _, name = each.partition("/")
            if self._is_own(name):
                # Several languages may share one key, `other`.
                found[tenant] = found.get(tenant, 0.0) + self.count(counts)
        return found

    def by_tenant(self, own: Amounts) -> Attribution | None:
        """Return the shift by tenants, which are counted by hour and not in 5-minute panes.

        For an hour that lies only partly in the window, each tenant gets the same fraction as the
        key.
        """
        window: Amounts = {}
        for start, of_key in self._key_window.items():
            held, whole = sum(of_key.values()), sum(self._key_hours.get(start, {}).values())
            part = min(1.0, held / whole) if whole else 0
            window[start] = {name: amount * part for name, amount in own.get(start, {}).items()}
        return self._against(window, own)

    def _is_own(self, name: str) -> bool:
        key = self._shift.key
        return (name if self._shift.dimension == "origin" else self._named(name)) == key

    def _against(self, window: Amounts, hours: Amounts) -> Attribution | None:
        total, baseline = sum(self._window.values()), self._shift.statistics.baseline
        if total <= 0 or baseline is None:
            return None
        window, hours = _with_largest_names(window, hours)
        # Recompute the key from the same counts as its members: requests have arrived since its
        # shift was computed.
        key = self._shift.key
        expected = self._expected(window, hours)
        whole = self._expected(self._key_window, self._key_hours).get(key, 0)
        # What is usual of weekends is known of keys and not of members: each has its part of it.
        usual = baseline * total / whole if whole else 1.0
        return attribute(
            Part(_added_up(window), _added_up(self._key_window).get(key, 0), total),
            Part({name: amount * usual for name, amount in expected.items()}, whole * usual, total),
            MAX_MOVERS,
        )

    def _expected(self, window: Amounts, hours: Amounts) -> dict[str, float]:
        """Return the expected counts in the window of each member that it or an hour has."""
        names = sorted({name for of in (window, hours) for each in of.values() for name in each})
        counts = _rows(hours, names, range(self._first, self._ends + 1, HOUR.seconds))
        if self._shift.window == "1h":
            # The whole window is compared with one hour, the last.
            held = _rows({self._ends: _added_up(window)}, names, range(self._ends, self._ends + 1))
            weights = np.array([sum(self._window.values())])
        else:
            starts = range(self._ends - HOURS_A_DAY * HOUR.seconds, self._ends + 1, HOUR.seconds)
            held = _rows(window, names, starts)
            weights = np.array([self._window.get(start, 0.0) for start in starts])
        expected = expected_members(counts, self._totals, held, weights)
        return dict(zip(names, expected.tolist(), strict=True))

    def count(self, counts: Counts) -> int:
        """Return the measure of counts."""
        if self._shift.measure == "cost":
            return at(counts, COST)
        return tokens_of(counts) if self._shift.measure == "tokens" else counts[REQUESTS]


def _amounts(members: Members) -> Amounts:
    return {
        start: {name: float(count) for name, count in counted.items()}
        for start, counted in members.items()
    }


def _added_up(amounts: Amounts) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in amounts.values():
        for name, amount in each.items():
            found[name] = found.get(name, 0) + amount
    return found


def _with_largest_names(*amounts: Amounts) -> tuple[Amounts, ...]:
    """Return the amounts; where there are many names, all but the largest are summed as `other`."""
    weights: dict[str, float] = {}
    for each in amounts:
        for name, amount in _added_up(each).items():
            weights[name] = weights.get(name, 0) + amount
    if len(weights) <= MAX_MEMBERS:
        return amounts
    named = set(sorted(weights, key=lambda name: (-weights[name], name))[:MAX_MEMBERS])
    folded: list[Amounts] = []
    for each in amounts:
        folded.append({})
        for start, counted in each.items():
            into = folded[-1][start] = {}
            for name, amount in counted.items():
                place = name if name in named else OTHER
                into[place] = into.get(place, 0) + amount
    return tuple(folded)


def _rows(amounts: Amounts, names: Sequence[str], starts: range) -> Array:
    """Return a row for each start and a column for each name; other starts are left out."""
    rows = [amounts.get(start, {}) for start in starts]
    return np.array([[row.get(name, 0.0) for name in names] for row in rows])


def _members(history: History, panes: Panes, split: _Split) -> tuple[Members, Wholes]:
    """Return the counts of a split by member, and those of all keys."""
    dimension = split.counted_by
    members: Members = {}
    wholes: Wholes = {}
    for start in panes.values:
        into = members[start] = {}
        for key, counts in history.cells(panes, start, dimension).items():
            add_counts(wholes, start, counts)
            name = split.joined(key)
            if name is not None:
                into[name] = into.get(name, 0) + split.count(counts)
        if panes.level is HOUR and start in wholes and not split.is_known(wholes[start]):
            # An hour is empty in the baseline, too, where too little of it has a price.
            del wholes[start]
            members[start] = {}
    return members, wholes


def _packed(panes: Panes) -> dict[int, bytes]:
    return {start: packed_models(values) for start, values in panes.values.items()}


def _largest(
    catalog: Catalog, is_own: Callable[[Catalog, str], bool], models: Iterable[bytes]
) -> frozenset[str]:
    """Return the largest models of a key."""
    whole = added_names(models)
    own = {model: each for model, each in whole.items() if is_own(catalog, model)}
    return choose(frozenset(), own, MAX_MEMBERS)


def _models(packed: Mapping[int, bytes], named: frozenset[str], split: _Split) -> Members:
    return {
        start: {m: split.count(each) for m, each in unpack(models)[0].items() if m in named}
        for start, models in packed.items()
    }


def _whole_hours(panes: Wholes) -> Wholes:
    found: Wholes = {}
    for start, counts in panes.items():
        add_counts(found, pane_start(HOUR, start), counts)
    return found


def _by_hour(panes: Members) -> Members:
    found: Members = {}
    for start, cells in panes.items():
        into = found.setdefault(pane_start(HOUR, start), {})
        for name, counts in cells.items():
            into[name] = into.get(name, 0) + counts
    return found
