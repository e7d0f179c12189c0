"""A pane is a fixed stretch of event time with its counts; panes add up, and that is all it takes.

A cell is keyed `origin/language`; a cell of unknown origin is keyed `unknown/language/model`, so
that its history can be told again once the catalogue learns the model. Models and tenants stand
beside the cells in small maps of their own: one key over all of them would grow with their product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.classify.keys import OTHER, cell_key, split_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: requests, prompt tokens, completion tokens, sum of squared tokens (for standard errors).
#: A list because a pane adds to it in place, hundreds of times a batch.
Counts = list[int]

# What a pane may hold, whatever the input says. A map may grow to twice its bound before it is
# trimmed to the bound, so that trimming is rare; what is trimmed folds into a key of its own, so
# that nothing leaves the sums.
MAX_UNKNOWN_MODELS = 32
MAX_LANGUAGES = 256
MAX_MODELS = 512
MAX_TENANTS = 64
#: Cells that name their model, and keys of tenants with languages: bounds multiply otherwise.
MAX_NAMED_CELLS = 1024
MAX_TENANT_LANGUAGES = 2048
#: Above the most that trimming can leave, so that it is not tried in vain.
CROWDED_KEYS = 16_384


class Level(NamedTuple):
    """A grain of event time: how long its panes are, and how long they are kept.

    Panes hold cells and models, or (`of_tenants`) nothing but tenants.
    """

    name: str
    seconds: int
    keep_seconds: int
    of_tenants: bool = False


FINE = Level("10s", 10, 70 * 60)
MIDDLE = Level("5m", 300, 25 * 3600)
HOUR = Level("1h", 3600, 37 * 86400)
DAY = Level("1d", 86400, 731 * 86400)
#: Apart from the hours, and not for as long: an hour's tenants, by origin and language, take four
#: times the bytes of all the rest of it. Who moved a share is asked against a week before.
TENANTS = Level("1h-tenants", 3600, 9 * 86400, of_tenants=True)
#: From fine to coarse: the levels that windows and histories are read from.
LEVELS = (FINE, MIDDLE, HOUR, DAY)
ALL_LEVELS = (*LEVELS, TENANTS)
LEVEL_BY_NAME = {level.name: level for level in ALL_LEVELS}


def pane_start(level: Level, seconds: float) -> int:
    """Return the start (unix seconds) of the pane of `level` that holds the time `seconds`."""
    return int(seconds // level.seconds) * level.seconds


def is_kept(level: Level, start: int, newest: float) -> bool:
    """Tell whether a pane is still kept when `newest` is the newest event time seen."""
    return start + level.seconds > newest - level.keep_seconds


class Pane(msgspec.Struct):
    """The counts of one pane.

    `cells` by `origin/language[/model]`, `models` by canonical model name, `tenants` by
    `tenant/o/origin` and `tenant/l/language`. `stamp` is the highest source offset counted in it.
    """

    cells: dict[str, Counts] = {}
    models: dict[str, Counts] = {}
    tenants: dict[str, Counts] = {}
    stamp: int = -1

    def add(self, other: Pane) -> None:
        """Add the counts of `other`; the stamp is the higher one."""
        add_all(self.cells, other.cells)
        add_all(self.models, other.models)
        if other.tenants:
            add_all(self.tenants, other.tenants)
        self.stamp = max(self.stamp, other.stamp)

    def subtract(self, other: Pane) -> None:
        """Take the counts of `other` away again; a key that comes to no requests leaves."""
        _take(self.cells, other.cells)
        _take(self.models, other.models)

    def trim(self) -> None:
        """Fold what is over the bounds: small unknown models, languages, models and tenants."""
        _trim_cells(self.cells)
        _trim_models(self.models)
        _trim_tenants(self.tenants)

    @property
    def is_crowded(self) -> bool:
        """True where so many keys have come that trimming cannot wait for the next flush."""
        return len(self.cells) + len(self.models) + len(self.tenants) > CROWDED_KEYS


def add_counts(into: dict[str, Counts], key: str, counts: Counts) -> None:
    """Add counts to those of a key; the key gets counts of its own."""
    mine = into.get(key)
    if mine is None:
        into[key] = counts.copy()
    else:
        mine[0] += counts[0]
        mine[1] += counts[1]
        mine[2] += counts[2]
        mine[3] += counts[3]


def add_all(into: dict[str, Counts], other: Mapping[str, Counts]) -> None:
    """Add the counts of every key."""
    for key, counts in other.items():
        add_counts(into, key, counts)


def tokens_of(counts: Counts) -> int:
    """Return the tokens of counts, prompt and completion."""
    return counts[1] + counts[2]


def _take(into: dict[str, Counts], other: dict[str, Counts]) -> None:
    for key, counts in other.items():
        mine = into.get(key)
        if mine is None:
            mine = into[key] = [0, 0, 0, 0]
        for index, count in enumerate(counts):
            mine[index] -= count
        if not any(mine):
            del into[key]


def _smallest(weights: dict[str, int], bound: int) -> list[str]:
    # By weight, then by name: the same counts trim the same way on every worker.
    ranked = sorted(weights, key=lambda key: (-weights[key], key))
    return ranked[bound:]


def _trim_cells(cells: dict[str, Counts]) -> None:
    models: dict[str, int] = {}
    languages: dict[str, int] = {}
    for key, counts in cells.items():
        _, language, model = split_cell(key)
        if model:
            models[model] = models.get(model, 0) + tokens_of(counts)
        if language != OTHER:
            languages[language] = languages.get(language, 0) + tokens_of(counts)
    if len(models) > 2 * MAX_UNKNOWN_MODELS:
        small = set(_smallest(models, MAX_UNKNOWN_MODELS))
        _move(cells, lambda key: split_cell(key)[2] in small, _nameless)
    if len(languages) > 2 * MAX_LANGUAGES:
        rare = set(_smallest(languages, MAX_LANGUAGES))
        _move(cells, lambda key: split_cell(key)[1] in rare, _of_other_language)
    named = {key: tokens_of(counts) for key, counts in cells.items() if split_cell(key)[2]}
    if len(named) > 2 * MAX_NAMED_CELLS:
        few = set(_smallest(named, MAX_NAMED_CELLS))
        _move(cells, few.__contains__, _nameless)


def _trim_models(models: dict[str, Counts]) -> None:
    if len(models) > 2 * MAX_MODELS:
        weights = {key: tokens_of(counts) for key, counts in models.items() if key != OTHER}
        small = set(_smallest(weights, MAX_MODELS))
        _move(models, small.__contains__, lambda _: OTHER)


def _nameless(key: str) -> str:
    origin, language, _ = split_cell(key)
    return cell_key(origin, language)


def _of_other_language(key: str) -> str:
    origin, _, model = split_cell(key)
    return cell_key(origin, OTHER, model)


def _move(
    counts: dict[str, Counts], is_moved: Callable[[str], bool], place: Callable[[str], str]
) -> None:
    for key in [key for key in counts if is_moved(key)]:
        add_counts(counts, place(key), counts.pop(key))


def _trim_tenants(tenants: dict[str, Counts]) -> None:
    weights: dict[str, int] = {}
    languages: dict[str, int] = {}
    for key, counts in tenants.items():
        tenant, axis, name = key.split("/", 2)
        if axis == "o" and tenant != OTHER:
            weights[tenant] = weights.get(tenant, 0) + tokens_of(counts)
        if axis == "l" and name != OTHER:
            languages[key] = tokens_of(counts)
    if len(weights) > 2 * MAX_TENANTS:
        small = set(_smallest(weights, MAX_TENANTS))
        _move(
            tenants,
            lambda key: key.split("/", 1)[0] in small,
            lambda key: f"{OTHER}/{key.split('/', 1)[1]}",
        )
    if len(languages) > 2 * MAX_TENANT_LANGUAGES:
        rare = set(_smallest(languages, MAX_TENANT_LANGUAGES))
        _move(tenants, rare.__contains__, lambda key: f"{key.split('/', 1)[0]}/l/{OTHER}")
