"""Sum windows: a window is the sum of the panes that start in the period before `as of`.

The last pane is still running, so a 1h window spans between 59 min 50 s and 1 h.

    as of - length                       as of
          (--[pane][pane] ... [pane][run]|

Sums by origin and by developer always include all panes. By language, by model and of unknown
models, the cardinality is limited: the limit is above that of any gateway, but a client that
chooses model names can send a thousand new ones an hour. The remaining counts are shown as `other`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from streams.classify.keys import OTHER, cell_key, pair_key
from streams.classify.origin.values import ORIGINS
from streams.shares.sums import Sums, by_part, of_all_languages
from streams.state.adding import Adding, summed
from streams.state.counts import (
    Counts,
    add_all,
    added_up,
    minus,
    none,
    plus,
    subtract_all,
    tokens_of,
)
from streams.state.pane import FINE, HOUR, LEVELS, MAX_LANGUAGES, MIDDLE, Level, pane_start
from streams.state.pieces import at_once, go_on

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from streams.shares.sums import SumsCache
    from streams.state.view import View

#: The maximum number of keys that a window sums, and the number of names that it keeps above that.
MAX_WINDOW_MODELS = 8192
KEPT_WINDOW_MODELS = 4096
MAX_WINDOW_SERVED = 2048
#: With more names than this, what is added up goes into the windows before more is added.
NAMES_AT_ONCE = 2048
MAX_WINDOW_LANGUAGES = 2 * MAX_LANGUAGES * len(ORIGINS)


class WindowLength(NamedTuple):
    """A window: its name, its length in seconds and the level of its panes."""

    name: str
    seconds: int
    level: Level


WINDOWS = (
    WindowLength("5m", 300, FINE),
    WindowLength("1h", 3600, FINE),
    WindowLength("24h", 86400, MIDDLE),
    WindowLength("7d", 7 * 86400, HOUR),
)
WINDOW_NAMES = tuple(length.name for length in WINDOWS)


class Names:
    """Running sums by key, of the largest names only where there are more than `limit` keys.

    The counts of a key are replaced and never changed: whoever has copied `counts`, as a snapshot
    does each second, has them as they were, and only keys that change cost anything.

    Each key has the moment since which it is summed, and each addition has a moment too: counts
    added before a key was (re)created are not in its sum, and are not subtracted from it.
    """

    def __init__(self, limit: int, kept: int, name_of: Callable[[str], str] = str) -> None:
        self.counts: dict[str, Counts] = {}
        self.is_whole = True
        self._since: dict[str, int] = {}
        self._limit = limit
        self._kept = kept
        self._name_of = name_of

    def add(self, counts: Mapping[str, Counts], moment: int) -> None:
        """Add counts at a moment that is later than all before."""
        held = self.counts
        for key, each in counts.items():
            mine = held.get(key)
            if mine is None:
                self._since[key] = moment
            held[key] = each if mine is None else plus(mine, each)
        if len(held) > self._limit:
            self._trim()

    def subtract(self, counts: Mapping[str, Counts], moment: int) -> None:
        """Subtract the counts added at a moment, as far as they are in the sums."""
        since = self._since
        still = {key: each for key, each in counts.items() if since.get(key, moment + 1) <= moment}
        subtract_all(self.counts, still)
        for key in still:
            if key not in self.counts:
                del since[key]

    def _trim(self) -> None:
        # By tokens, then by name; a name is removed with all its keys.
        weights: dict[str, int] = {}
        for key, counts in self.counts.items():
            name = self._name_of(key)
            weights[name] = weights.get(name, 0) + tokens_of(counts)
        ranked = sorted(weights, key=lambda name: (-weights[name], name))
        kept = set(ranked[: self._kept])
        self.counts = {key: each for key, each in self.counts.items() if self._name_of(key) in kept}
        self._since = {key: self._since[key] for key in self.counts}
        self.is_whole = False


def _language_of(key: str) -> str:
    return key.split("/", 1)[1]


class _Window:
    """One window's sums, maintained by adding new panes and subtracting expired ones.

    Counts are whole numbers, so subtraction is exact.
    """

    def __init__(self, length: WindowLength) -> None:
        self.length = length
        self.first = 0
        self.last = -1
        self.clear()

    def clear(self) -> None:
        """Start with nothing in it."""
        #: Starts of the panes that are summed, and when each was added.
        self.held: dict[int, int] = {}
        self._moment = 0
        self._origins: dict[str, Counts] = {}
        self._developers: dict[str, Counts] = {}
        self._joint = Names(MAX_WINDOW_LANGUAGES, MAX_LANGUAGES, _language_of)
        self._served = Names(MAX_WINDOW_SERVED, MAX_WINDOW_SERVED // 2)
        self._pairs = Names(MAX_WINDOW_MODELS, KEPT_WINDOW_MODELS)
        self._unknown = Names(MAX_WINDOW_MODELS, KEPT_WINDOW_MODELS)

    def move(self, as_of: float) -> None:
        """Set the starts of the first and the last pane to those of a window ending at `as_of`."""
        last = pane_start(self.length.level, as_of)
        first = last - self.length.seconds + self.length.level.seconds
        if last < self.first or first > self.last:
            self.clear()
        self.first, self.last = first, last

    def spans(self, start: int) -> bool:
        """Return whether panes that start at `start` belong in the window."""
        return self.first <= start <= self.last

    def add(self, starts: Iterable[int], sums: Sums) -> None:
        """Add the sums of all the panes that start at some times."""
        self._moment += 1
        self.held.update(dict.fromkeys(starts, self._moment))
        add_all(self._origins, by_part(sums.joint, 0))
        add_all(self._developers, sums.developer)
        self._joint.add(sums.joint, self._moment)
        self._served.add(sums.served, self._moment)
        self._pairs.add(sums.pair, self._moment)
        self._unknown.add(sums.unknown, self._moment)

    def subtract(self, start: int, sums: Sums) -> None:
        """Subtract the sums of the panes that start at `start`, which are in the window."""
        moment = self.held.pop(start)
        subtract_all(self._origins, by_part(sums.joint, 0))
        subtract_all(self._developers, sums.developer)
        self._joint.subtract(sums.joint, moment)
        self._served.subtract(sums.served, moment)
        self._pairs.subtract(sums.pair, moment)
        self._unknown.subtract(sums.unknown, moment)

    def sums(self) -> Sums:
        """Return the sums; counts that are not summed by name are under `other`."""
        joint: dict[str, Counts] = self._joint.counts
        pairs: dict[str, Counts] = self._pairs.counts
        served: dict[str, Counts] = self._served.counts
        if not self._joint.is_whole:
            named = by_part(joint, 0)
            joint = joint.copy()
            for origin, counts in self._origins.items():
                _add_rest(joint, cell_key(origin, OTHER), counts, named.get(origin))
        whole = added_up(self._developers.values())
        if not self._pairs.is_whole:
            pairs = pairs.copy()
            _add_rest(pairs, OTHER, whole, added_up(pairs.values()))
        if not self._served.is_whole:
            served = served.copy()
            _add_rest(served, pair_key(OTHER, OTHER), whole, added_up(served.values()))
        return Sums(joint, self._developers, served, pairs, self._unknown.counts)


def _add_rest(into: dict[str, Counts], key: str, whole: Counts, named: Counts | None) -> None:
    rest = minus(whole, named or none())
    if any(rest):
        into[key] = added_up((into.get(key, none()), rest))


class _OfLevel:
    """The windows over the panes of one level."""

    def __init__(self, level: Level, view: View, cache: SumsCache) -> None:
        self.windows = tuple(_Window(length) for length in WINDOWS if length.level is level)
        self._level = level
        self._view = view
        self._cache = cache
        #: By start: the records of the panes of all partitions that are summed.
        self._summed: dict[int, tuple[bytes, ...]] = {}
        #: The records of the newest panes, which change each second, and their sums.
        self._running: tuple[tuple[bytes, ...], Sums] | None = None
        self._changed: set[int] = set()

    def note(self, start: int) -> None:
        """Record that a pane that starts at `start` has changed."""
        if any(window.spans(start) for window in self.windows):
            self._changed.add(start)

    def clear(self) -> None:
        """Start with nothing in the windows."""
        self._summed.clear()
        self._running = None
        for window in self.windows:
            window.clear()

    def move(self, as_of: float) -> Iterator[None]:
        """Move the windows, with a pause after each few milliseconds of work."""
        for window in self.windows:
            window.move(as_of)
        for start in list(self._summed):
            left = [each for each in self._holding(start) if not each.spans(start)]
            yield from self._subtract(start, left)
            if not self._holding(start):
                del self._summed[start]
        changed, self._changed = self._changed, set()
        yield from self._renew(sorted(changed.union(self._lacking())))

    def _holding(self, start: int) -> list[_Window]:
        return [window for window in self.windows if start in window.held]

    def _lacking(self) -> Iterable[int]:
        """Yield the starts of panes that a window should hold and does not."""
        starts = self._view.starts.get(self._level, {})
        for window in self.windows:
            for start in range(window.first, window.last + 1, self._level.seconds):
                if start in starts and start not in window.held:
                    yield start

    def _renew(self, starts: list[int]) -> Iterator[None]:
        """Update the panes that start at some times in all windows that they belong in."""
        # The newest one is added alone, for its sums are kept.
        adding: dict[tuple[bool, tuple[_Window, ...]], dict[int, tuple[bytes, ...]]] = {}
        for start in starts:
            values = self._view.values_at(self._level, start)
            if self._summed.get(start) is not values:
                yield from self._subtract(start, self._holding(start))
            wanting = tuple(
                each for each in self.windows if each.spans(start) and start not in each.held
            )
            if not values:
                self._summed.pop(start, None)
            elif wanting:
                adding.setdefault((start == starts[-1], wanting), {})[start] = values
        for (is_newest, windows), columns in adding.items():
            sums = yield from self._add(windows, columns)
            if is_newest:
                self._running = self._summed[starts[-1]], sums

    def _add(
        self, windows: tuple[_Window, ...], columns: dict[int, tuple[bytes, ...]]
    ) -> Generator[None, None, Sums]:
        """Add the records of panes by their start, many starts at a time; return the last sums."""
        last = next(reversed(columns))
        adding, some = Adding(), dict[int, tuple[bytes, ...]]()
        for start, values in columns.items():
            yield from adding.add(values)
            some[start] = values
            if start == last or adding.names > NAMES_AT_ONCE:
                sums = yield from of_all_languages(adding.summed(), self._cache.places)
                self._summed |= some
                for window in windows:
                    window.add(some, sums)
                adding, some = Adding(), {}
        return sums

    def _subtract(self, start: int, windows: list[_Window]) -> Iterator[None]:
        if not windows:
            return
        values = self._summed[start]
        # These very records: windows that jump to another time and back find others there.
        if self._running is not None and self._running[0] is values:
            sums = self._running[1]
            self._running = None
        else:
            # Again from the records: the sums of all panes would take as much memory as the panes.
            panes = yield from summed(values)
            sums = yield from of_all_languages(panes, self._cache.places)
        for window in windows:
            window.subtract(start, sums)


class Windows:
    """The sums of all windows over a view, at the moment `as_of` (unix seconds)."""

    def __init__(self, view: View, cache: SumsCache) -> None:
        self.as_of = 0.0
        self._view = view
        self._cache = cache
        self._levels = {
            level: _OfLevel(level, view, cache)
            for level in dict.fromkeys(length.level for length in WINDOWS)
        }
        self._work: Generator[None, None, None] | None = None
        view.listeners.append(self._note)

    def _note(self, level: Level, start: int) -> None:
        if level in self._levels:
            self._levels[level].note(start)

    def since(self) -> float | None:
        """Return the start of the first pane there is, as exactly as it is kept; None without any.

        Fine panes are removed first, so the first one of a level is the start only where it is in
        the first one of the level above.
        """
        found, length = inf, 0
        for level in sorted(LEVELS, key=lambda level: -level.seconds):
            first = min(self._view.starts.get(level, ()), default=None)
            if first is None or first >= found + length:
                break
            found, length = first, level.seconds
        return None if found == inf else found

    def reclassify(self) -> None:
        """Start again, with the current catalogue of the cached sums."""
        self._work = None
        for each in self._levels.values():
            each.clear()

    def advance(self, as_of: float, seconds: float | None = None) -> bool:
        """Move all windows so that they end at `as_of` (unix seconds); moving back is allowed.

        With `seconds`, it works for that long and a few milliseconds more. If it returns False, the
        sums are incomplete and the next call continues. Work in progress is finished at its own
        `as_of`.
        """
        if self._work is not None and seconds is None:
            at_once(self._work)
            self._work = None
        if self._work is None:
            if as_of <= 0:
                return True
            self._work = self._moving(as_of)
        if not go_on(self._work, inf if seconds is None else seconds):
            return False
        self._work = None
        return True

    def _moving(self, as_of: float) -> Generator[None, None, None]:
        for each in self._levels.values():
            yield from each.move(as_of)
        self.as_of = as_of

    def sums(self) -> dict[str, Sums]:
        """Return each window's sums by name. They are live: read them before the next call."""
        by_name = {
            window.length.name: window.sums()
            for each in self._levels.values()
            for window in each.windows
        }
        return {length.name: by_name[length.name] for length in WINDOWS}
