"""Sum the panes of all partitions at one level and start, by dimension.

Names of models are classified here and nowhere later: once for each state of the panes, a few at a
time, so that a thousand new names never block the event loop. The sums by dimension are small, and
are cached in packed form until one of the panes changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from streams.classify.key_tables import Kept
from streams.classify.keys import (
    JOINT,
    LAW,
    OTHER,
    SERVED,
    UNKNOWN,
    cell_key,
    pair_key,
    split_cell,
    split_model,
    split_pair,
)
from streams.state.adding import summed
from streams.state.counts import Counts, add_counts, plus, tokens_of
from streams.state.packing import pack
from streams.state.pane import DAY, MAX_LANGUAGES, MAX_MODELS
from streams.state.pieces import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from streams.classify.origin.catalog import Catalog
    from streams.state.adding import Summed
    from streams.state.pane import Level
    from streams.state.view import View

MODEL: Literal["model"] = "model"
DEVELOPER: Literal["developer"] = "developer"


#: Names classified at a time: a new one takes from 0.03 to 0.5 ms.
NAMES_AT_A_TIME = 32


class Sums(NamedTuple):
    """Counts by key.

    `joint` is by `origin/language`, `served` by `provider/origin`, `pair` by model
    and provider, and `unknown` by model of unknown origin.
    """

    joint: dict[str, Counts]
    developer: dict[str, Counts]
    served: dict[str, Counts]
    pair: dict[str, Counts]
    unknown: dict[str, Counts]

    def stored(self) -> dict[str, dict[str, Counts]]:
        """Return the counts by dimension that are small, and that others are derived from."""
        return {
            "origin": by_part(self.joint, 0),
            "language": by_part(self.joint, 1),
            JOINT: self.joint,
            DEVELOPER: self.developer,
            SERVED: self.served,
        }

    def by_dimension(self, catalog: Catalog) -> dict[str, dict[str, Counts]]:
        """Return the counts of each dimension."""
        derived = {dimension: served_in(dimension, self.served, catalog) for dimension in OF_SERVED}
        return self.stored() | derived | {MODEL: self.model}

    @property
    def model(self) -> dict[str, Counts]:
        """The counts by model."""
        return by_model(self.pair)


class Places:
    """Where the names of a pane belong by a catalogue, each found once."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._cells = Kept(self._cell)
        self._models = Kept(self._model)

    def cells(self, keys: Sequence[str]) -> Generator[None, None, list[tuple[str, str]]]:
        """Return `origin/language` of cells, and their models of unknown origin or nothing."""
        return (yield from _a_few_at_a_time(self._cells, keys))

    def models(self, keys: Sequence[str]) -> Generator[None, None, list[tuple[str, str]]]:
        """Return developer and `provider/origin` of models with who served them."""
        return (yield from _a_few_at_a_time(self._models, keys))

    def _cell(self, key: str) -> tuple[str, str]:
        origin, language, model = split_cell(key)
        if not model:
            return key, ""
        # The catalogue may have the model by now.
        origin = self.catalog.classify(model).origin
        return cell_key(origin, language), model if origin == UNKNOWN else ""

    def _model(self, key: str) -> tuple[str, str]:
        model, provider = split_model(key)
        origin, maker = made_by(model, self.catalog)
        return maker, pair_key(provider or UNKNOWN, origin)


def _a_few_at_a_time(
    places: Kept[str, tuple[str, str]], keys: Sequence[str]
) -> Generator[None, None, list[tuple[str, str]]]:
    found: list[tuple[str, str]] = []
    for begin in range(0, len(keys), NAMES_AT_A_TIME):
        yield
        found += map(places.__getitem__, keys[begin : begin + NAMES_AT_A_TIME])
    return found


def added(values: Iterable[bytes], places: Places) -> Generator[None, None, Sums]:
    """Return the sums of stored panes, with a pause after each few milliseconds of work."""
    panes = yield from summed(values)
    return (yield from classified(panes, places))


def classified(panes: Summed, places: Places) -> Generator[None, None, Sums]:
    """Return the sums of panes that are added up; with pauses like `added`."""
    sums = yield from of_all_languages(panes, places)
    return sums._replace(joint=_without_rare_languages(sums.joint))


def of_all_languages(panes: Summed, places: Places) -> Generator[None, None, Sums]:
    """Return the same with every language by name, however many there are.

    So the sums of several panes are those of each, added up: which languages are rare depends on
    the panes that are together.
    """
    cells, models = panes
    of_cells = yield from places.cells(cells.names)
    joint = cells.by([place for place, _ in of_cells]).counts()
    unknown: dict[str, Counts] = {}
    if any(model for _, model in of_cells):
        unknown = cells.by([model for _, model in of_cells]).counts()
        unknown.pop("", None)
    of_models = yield from places.models(models.names)
    return Sums(
        joint,
        models.by([maker for maker, _ in of_models]).counts(),
        models.by([served for _, served in of_models]).counts(),
        models.counts(),
        unknown,
    )


def made_by(model: str, catalog: Catalog) -> tuple[str, str]:
    """Return origin and developer of a model; of the rest of the models both are `other`."""
    if model == OTHER:
        return OTHER, OTHER
    known = catalog.classify(model)
    return known.origin, known.developer or UNKNOWN


def packed_sums(level: Level, sums: Sums) -> dict[str, bytes]:
    """Return the sums by dimension, packed.

    Models are cached for days only: for all hours they would take as much memory again.
    """
    found = sums.stored()
    if level is DAY:
        found[MODEL] = largest(sums.model)
    return {dimension: pack(counts) for dimension, counts in found.items()}


def _law_of(catalog: Catalog, provider: str, origin: str) -> str:
    return pair_key(origin, catalog.jurisdiction(provider))


#: Dimensions that follow from `provider/origin`, and the key that they have there.
_IN_SERVED: dict[str, Callable[[Catalog, str, str], str]] = {
    "provider": lambda _, provider, __: provider,
    "jurisdiction": lambda catalog, provider, _: catalog.jurisdiction(provider),
    LAW: _law_of,
}
OF_SERVED = tuple(_IN_SERVED)


def served_in(dimension: str, served: Mapping[str, Counts], catalog: Catalog) -> dict[str, Counts]:
    """Return the counts of a dimension of `OF_SERVED`, from those by `provider/origin`."""
    key_in = _IN_SERVED[dimension]
    return folded(served, lambda key: key_in(catalog, *split_pair(key)))


def folded(counts: Mapping[str, Counts], place: Callable[[str], str]) -> dict[str, Counts]:
    """Return counts summed by another key; `place` returns that of each key."""
    found: dict[str, Counts] = {}
    for key, each in counts.items():
        add_counts(found, place(key), each)
    return found


def by_model(pairs: Mapping[str, Counts]) -> dict[str, Counts]:
    """Return counts by model, from counts by model and provider; do not change them."""
    found: dict[str, Counts] = {}
    for key, counts in pairs.items():
        model = split_model(key)[0]
        mine = found.get(model)
        # Most models have one provider: their counts are not copied.
        found[model] = counts if mine is None else plus(mine, counts)
    return found


def by_part(joint: Mapping[str, Counts], part: int) -> dict[str, Counts]:
    """Return counts by origin (part 0) or language (part 1), from counts by `origin/language`."""
    return folded(joint, lambda key: key.split("/", 1)[part])


def largest(counts: dict[str, Counts], bound: int = MAX_MODELS) -> dict[str, Counts]:
    """Return the counts; if there are over twice the bound, small names are summed as `other`.

    Names are ranked by tokens, then by name: every worker keeps the same ones.
    """
    if len(counts) <= 2 * bound:
        return counts
    ranked = sorted(counts, key=lambda key: (key == OTHER, -tokens_of(counts[key]), key))
    kept: dict[str, Counts] = {key: counts[key].copy() for key in ranked[:bound]}
    for key in ranked[bound:]:
        add_counts(kept, OTHER, counts[key])
    return kept


def _without_rare_languages(joint: dict[str, Counts]) -> dict[str, Counts]:
    languages = by_part(joint, 1)
    named = largest(languages, MAX_LANGUAGES)
    if named is languages:
        return joint

    def place(key: str) -> str:
        origin, language = key.split("/", 1)
        return cell_key(origin, language if language in named else OTHER)

    return folded(joint, place)


class _Cached(NamedTuple):
    """The packed sums of records by a catalogue: valid for these same objects only."""

    values: tuple[bytes, ...]
    catalog: Catalog
    sums: dict[str, bytes]


class SumsCache:
    """Caches the packed sums of a view's panes by level and start.

    Sums are valid while the view returns the same records. So any thread may add some: where the
    pane has changed meanwhile, they are never used. `places` are those of the current catalogue.
    """

    def __init__(self, view: View, catalog: Catalog) -> None:
        self.places = Places(catalog)
        self._view = view
        self._cached: dict[tuple[Level, int], _Cached] = {}
        view.listeners.append(self._forget)

    @property
    def catalog(self) -> Catalog:
        """The current catalogue."""
        return self.places.catalog

    def _forget(self, level: Level, start: int) -> None:
        self._cached.pop((level, start), None)

    def use(self, catalog: Catalog) -> None:
        """Use another catalogue for the sums from now on."""
        self.places = Places(catalog)
        self._cached.clear()

    def sums(
        self, level: Level, start: int, values: tuple[bytes, ...], catalog: Catalog
    ) -> dict[str, bytes]:
        """Return the packed sums of the records at a level and start, by dimension."""
        held = self._cached.get((level, start))
        if held is not None and held.values is values and held.catalog is catalog:
            return held.sums
        places = self.places if catalog is self.catalog else Places(catalog)
        sums = packed_sums(level, at_once(added(values, places)))
        self.put(level, start, values, catalog, sums)
        return sums

    def put(
        self,
        level: Level,
        start: int,
        values: tuple[bytes, ...],
        catalog: Catalog,
        sums: dict[str, bytes],
    ) -> None:
        """Cache the sums of records, by a catalogue."""
        self._cached[level, start] = _Cached(values, catalog, sums)
        # A pane that was removed meanwhile has no listener's call any more.
        if start not in self._view.starts.get(level, {}):
            self._forget(level, start)

    def missing(self, *levels: Level) -> Iterator[tuple[Level, int]]:
        """Yield each level and start whose sums are not cached, but for the newest of a level.

        That one changes with each flush: its sums are computed when somebody asks for them.
        """
        for level in levels:
            starts = list(self._view.starts.get(level, {}))
            newest = max(starts, default=None)
            for start in starts:
                if start != newest and (level, start) not in self._cached:
                    yield level, start
