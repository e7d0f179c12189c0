"""Define panes: a pane is a tumbling window of event time with its counts; panes add up.

A cell is keyed `origin/language`. A cell of unknown origin is keyed `unknown/language/model`, so
that its history can be reclassified once the catalogue has the model. Models, with who served them,
and tenants are kept beside the cells in small maps of their own: the cardinality of one key over
all of them would be their product.
"""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.classify.keys import OTHER, cell_key, model_key, split_cell, split_model
from streams.state.counts import REQUESTS, Counts, add_all, add_counts, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

# Limits of a pane, whatever the input. A map may grow to twice its bound before it is trimmed to
# the bound, so that trimming is rare. Trimmed keys are folded into a key of their own, so that
# nothing is lost from the sums.
MAX_UNKNOWN_MODELS = 32
MAX_LANGUAGES = 256
#: Models by name that are cached for a day, pairs of a model and a provider in a pane, providers.
MAX_MODELS = 512
MAX_PAIRS = 1024
MAX_PROVIDERS = 64
MAX_TENANTS = 64
#: Cells that name their model, and keys of tenants with languages: bounds multiply otherwise.
MAX_NAMED_CELLS = 1024
MAX_TENANT_LANGUAGES = 2048
#: Each request of a tenant is counted by its origin and by its language.
TENANT_AXES = 2
#: Languages that are kept by name even where a pane's names take too many bytes.
MIN_LANGUAGES = 8
#: Above the number of keys that trimming can leave, so that it is not tried in vain.
CROWDED_KEYS = 16_384


class Level(NamedTuple):
    """A level of event time: the length of its panes, and how long they are retained.

    A pane's record takes at most `max_bytes`: several times the size for a busy gateway, so that
    only names which are sent to fill it are folded. Panes hold cells and models, or (`of_tenants`)
    only tenants.
    """

    name: str
    seconds: int
    keep_seconds: int
    max_bytes: int
    of_tenants: bool = False

    @property
    def max_panes(self) -> int:
        """The maximum number of panes of a partition, the running one included."""
        return self.keep_seconds // self.seconds + 1


FINE = Level("10s", 10, 70 * 60, 12 * 1024)
MIDDLE = Level("5m", 300, 25 * 3600, 16 * 1024)
HOUR = Level("1h", 3600, 37 * 86400, 24 * 1024)
DAY = Level("1d", 86400, 731 * 86400, 32 * 1024)
#: Separate from the hours, with a shorter retention: an hour's tenants, by origin and language,
#: take four times the bytes of the rest of the hour. Movers are compared with one week before.
TENANTS = Level("1h-tenants", 3600, 9 * 86400, 48 * 1024, of_tenants=True)
#: From fine to coarse: the levels that windows and histories are read from.
LEVELS = (FINE, MIDDLE, HOUR, DAY)
ALL_LEVELS = (*LEVELS, TENANTS)
LEVEL_BY_NAME = {level.name: level for level in ALL_LEVELS}
#: The maximum bytes that the panes of a partition take in Kafka and in each worker's memory.
MAX_STATE_BYTES = sum(level.max_panes * level.max_bytes for level in ALL_LEVELS)


def pane_start(level: Level, seconds: float) -> int:
    """Return the start (unix seconds) of the pane of `level` that holds the time `seconds`."""
    return int(seconds // level.seconds) * level.seconds


def is_kept(level: Level, start: int, newest: float) -> bool:
    """Return whether a pane is still retained when `newest` is the newest event time seen."""
    return start > kept_after(level, newest)


def kept_after(level: Level, newest: float) -> float:
    """Return the time after which the retained panes of a level start (unix seconds)."""
    return newest - level.keep_seconds - level.seconds


class Pane(msgspec.Struct):
    """The counts of one pane.

    `cells` by `origin/language[/model]`, `models` by canonical model name and provider (see
    `streams.classify.keys.model_key`), `tenants` by `tenant/o/origin` and `tenant/l/language`.
    `stamp` is the highest source offset counted in it.
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

    def add_counts(
        self,
        cells: dict[str, Counts],
        models: dict[str, Counts],
        tenants: dict[str, Counts],
    ) -> None:
        """Add counts by key, which may become the pane's own."""
        self.cells = _with(self.cells, cells)
        self.models = _with(self.models, models)
        self.tenants = _with(self.tenants, tenants)
        if self.is_crowded:
            self.trim()

    def trim(self) -> None:
        """Fold the keys over the bounds: small unknown models, languages, models and tenants."""
        _trim_cells(self.cells)
        _trim_models(self.models)
        _trim_tenants(self.tenants)

    def shrink(self, part: float) -> bool:
        """Fold all but the largest part (0-1) of the names of one kind; False where none is left.

        It folds the kind that takes the most bytes, so that a flood of one kind leaves the others
        intact.
        """
        named = {key for key in self.cells if split_cell(key)[2]}
        kinds: list[tuple[int, Callable[[], None]]] = [
            (_bytes_of(self.models), partial(_shrink_models, self.models, part)),
            (_bytes_of(named), partial(_fold_named_cells, self.cells, int(len(named) * part))),
            (_bytes_of(self.cells.keys() - named), partial(_shrink_languages, self.cells, part)),
            (_bytes_of(self.tenants), partial(_shrink_tenants, self.tenants, part)),
        ]
        before = len(self.cells) + len(self.models) + len(self.tenants)
        for _, fold in sorted(kinds, key=itemgetter(0), reverse=True):
            fold()
            if len(self.cells) + len(self.models) + len(self.tenants) < before:
                return True
        return False

    @property
    def requests(self) -> int:
        """The requests in the pane."""
        if self.cells:
            return sum(counts[REQUESTS] for counts in self.cells.values())
        return sum(counts[REQUESTS] for counts in self.tenants.values()) // TENANT_AXES

    @property
    def is_crowded(self) -> bool:
        """Return whether the pane has so many keys that trimming cannot wait for the next flush."""
        return len(self.cells) + len(self.models) + len(self.tenants) > CROWDED_KEYS


def _with(counted: dict[str, Counts], more: dict[str, Counts]) -> dict[str, Counts]:
    if not counted:
        return more
    add_all(counted, more)
    return counted


def _bytes_of(keys: Iterable[str]) -> int:
    # Characters of the key, and the packed size of its counts.
    return sum(len(key) + 16 for key in keys)


def _smallest(weights: dict[str, int], bound: int) -> list[str]:
    # By weight, then by name: the same counts trim the same way on every worker.
    ranked = sorted(weights, key=lambda key: (-weights[key], key))
    return ranked[bound:]


def is_within_bounds(
    cells: Collection[str], models: Collection[str], tenants: Collection[str]
) -> bool:
    """Return whether a pane with these keys is surely left as it is by `Pane.trim`."""
    return not (
        (len(cells) > 2 * MAX_UNKNOWN_MODELS and _named(cells) > 2 * MAX_UNKNOWN_MODELS)
        or len(cells) > 2 * MAX_LANGUAGES
        or len(models) > 2 * MAX_PAIRS
        or len(tenants) > 2 * MAX_TENANT_LANGUAGES
        or (len(tenants) > 2 * MAX_TENANTS and len(_tenants_in(tenants)) > 2 * MAX_TENANTS)
    )


def _trim_cells(cells: dict[str, Counts]) -> None:
    if len(cells) <= 2 * MAX_UNKNOWN_MODELS:
        return
    # Tried at each flush, and nearly always in vain.
    _, languages, models = map(set, zip(*map(split_cell, cells), strict=True))
    if len(models - {""}) > 2 * MAX_UNKNOWN_MODELS:
        _fold_unknown_models(cells, MAX_UNKNOWN_MODELS)
    if len(languages - {OTHER}) > 2 * MAX_LANGUAGES:
        _fold_languages(cells, MAX_LANGUAGES)
    if len(cells) > 2 * MAX_NAMED_CELLS and _named(cells) > 2 * MAX_NAMED_CELLS:
        _fold_named_cells(cells, MAX_NAMED_CELLS)


def _named(cells: Iterable[str]) -> int:
    return sum(bool(split_cell(key)[2]) for key in cells)


def _fold_unknown_models(cells: dict[str, Counts], bound: int) -> None:
    models: dict[str, int] = {}
    for key, counts in cells.items():
        model = split_cell(key)[2]
        if model:
            models[model] = models.get(model, 0) + tokens_of(counts)
    small = set(_smallest(models, bound))
    _move(cells, lambda key: split_cell(key)[2] in small, _nameless)


def _fold_languages(cells: dict[str, Counts], bound: int) -> None:
    languages: dict[str, int] = {}
    for key, counts in cells.items():
        language = split_cell(key)[1]
        if language != OTHER:
            languages[language] = languages.get(language, 0) + tokens_of(counts)
    rare = set(_smallest(languages, bound))
    _move(cells, lambda key: split_cell(key)[1] in rare, _of_other_language)


def _shrink_languages(cells: dict[str, Counts], part: float) -> None:
    languages = {split_cell(key)[1] for key in cells}
    _fold_languages(cells, max(MIN_LANGUAGES, int(len(languages) * part)))


def _fold_named_cells(cells: dict[str, Counts], bound: int) -> None:
    named = {key: tokens_of(counts) for key, counts in cells.items() if split_cell(key)[2]}
    _move(cells, set(_smallest(named, bound)).__contains__, _nameless)


def _trim_models(models: dict[str, Counts]) -> None:
    if len(models) > 2 * MAX_PAIRS:
        _fold_providers(models, MAX_PROVIDERS)
        _fold_models(models, MAX_PAIRS)


def _shrink_models(models: dict[str, Counts], part: float) -> None:
    before = len(models)
    _fold_models(models, int(before * part))
    if len(models) == before:
        providers = {split_model(key)[1] for key in models}
        _fold_providers(models, int(len(providers) * part))


def _fold_models(models: dict[str, Counts], bound: int) -> None:
    """Fold the small pairs; their provider stays, so that the sums by provider are whole."""
    weights = {
        key: tokens_of(counts) for key, counts in models.items() if split_model(key)[0] != OTHER
    }
    small = set(_smallest(weights, bound))
    _move(models, small.__contains__, lambda key: model_key(OTHER, split_model(key)[1]))


def _fold_providers(models: dict[str, Counts], bound: int) -> None:
    """Fold the small providers; their models stay."""
    weights: dict[str, int] = {}
    for key, counts in models.items():
        provider = split_model(key)[1]
        if provider not in {"", OTHER}:
            weights[provider] = weights.get(provider, 0) + tokens_of(counts)
    small = set(_smallest(weights, bound))
    _move(
        models,
        lambda key: split_model(key)[1] in small,
        lambda key: model_key(split_model(key)[0], OTHER),
    )


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
    if len(tenants) <= 2 * MAX_TENANTS:
        return
    if len(_tenants_in(tenants)) > 2 * MAX_TENANTS:
        _fold_tenants(tenants, MAX_TENANTS)
    if len(tenants) > 2 * MAX_TENANT_LANGUAGES and _by_language(tenants) > 2 * MAX_TENANT_LANGUAGES:
        _fold_tenant_languages(tenants, MAX_TENANT_LANGUAGES)


def _tenants_in(tenants: Iterable[str]) -> set[str]:
    return {key[: key.index("/")] for key in tenants} - {OTHER}


def _by_language(tenants: Iterable[str]) -> int:
    return sum(not _is_by_origin(key) for key in tenants)


def _is_by_origin(key: str) -> bool:
    # No tenant has a slash in it.
    return key[key.index("/") + 1] == "o"


def _fold_tenants(tenants: dict[str, Counts], bound: int) -> None:
    weights: dict[str, int] = {}
    for key, counts in tenants.items():
        tenant, axis, _ = key.split("/", 2)
        if tenant != OTHER:
            # Languages count the same tokens again.
            weights[tenant] = weights.get(tenant, 0) + (tokens_of(counts) if axis == "o" else 0)
    small = set(_smallest(weights, bound))
    _move(
        tenants,
        lambda key: key.split("/", 1)[0] in small,
        lambda key: f"{OTHER}/{key.split('/', 1)[1]}",
    )


def _fold_tenant_languages(tenants: dict[str, Counts], bound: int) -> None:
    languages = {
        key: tokens_of(counts)
        for key, counts in tenants.items()
        for _, axis, name in [key.split("/", 2)]
        if axis == "l" and name != OTHER
    }
    rare = set(_smallest(languages, bound))
    _move(tenants, rare.__contains__, lambda key: f"{key.split('/', 1)[0]}/l/{OTHER}")


def _shrink_tenants(tenants: dict[str, Counts], part: float) -> None:
    names = {key.split("/", 1)[0] for key in tenants}
    languages = sum(key.split("/", 2)[1] == "l" for key in tenants)
    _fold_tenant_languages(tenants, int(languages * part))
    if languages < len(tenants) // 2:
        _fold_tenants(tenants, int(len(names) * part))
