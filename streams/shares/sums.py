"""Sum the panes of all partitions at one level and start, by dimension.

Names of models are classified here and nowhere later: once for each state of the panes, a few at a
time, so that a thousand new names never block the event loop. The sums by dimension are small, and
are cached in packed form until one of the panes changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from streams.classify.keys import OTHER, UNKNOWN, cell_key, split_cell
from streams.state.codec import decode_pane
from streams.state.packing import pack
from streams.state.pane import (
    DAY,
    MAX_LANGUAGES,
    MAX_MODELS,
    Counts,
    add_all,
    add_counts,
    tokens_of,
)
from streams.state.pieces import at_once

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from streams.classify.origin.catalog import Catalog
    from streams.state.pane import Level, Pane
    from streams.state.view import View

MODEL: Literal["model"] = "model"

#: Names classified at a time: a new one takes from 0.03 to 0.5 ms.
NAMES_AT_A_TIME = 32


class Sums(NamedTuple):
    """Counts by `origin/language`, by developer, by model, and of models of unknown origin."""

    joint: dict[str, Counts]
    developer: dict[str, Counts]
    model: dict[str, Counts]
    unknown: dict[str, Counts]

    def by_dimension(self) -> dict[str, dict[str, Counts]]:
        """Return the counts of each dimension."""
        return {
            "origin": by_part(self.joint, 0),
            "language": by_part(self.joint, 1),
            "joint": self.joint,
            "developer": self.developer,
            MODEL: self.model,
        }


def added(panes: Iterable[Pane], catalog: Catalog) -> Generator[None, None, Sums]:
    """Return the sums of panes, with a pause after each few milliseconds of work."""
    cells: dict[str, Counts] = {}
    models: dict[str, Counts] = {}
    for pane in panes:
        add_all(cells, pane.cells)
        add_all(models, pane.models)
        yield
    joint: dict[str, Counts] = {}
    unknown: dict[str, Counts] = {}
    for number, (key, counts) in enumerate(cells.items()):
        if not number % NAMES_AT_A_TIME:
            yield
        origin, language, model = split_cell(key)
        if model:
            # The catalogue may have the model by now.
            origin = catalog.classify(model).origin
            if origin == UNKNOWN:
                add_counts(unknown, model, counts)
        add_counts(joint, cell_key(origin, language), counts)
    developer: dict[str, Counts] = {}
    for number, (model, counts) in enumerate(models.items()):
        if not number % NAMES_AT_A_TIME:
            yield
        known = catalog.classify(model).developer if model != OTHER else OTHER
        add_counts(developer, known or UNKNOWN, counts)
    return Sums(_without_rare_languages(joint), developer, models, unknown)


def packed_sums(level: Level, sums: Sums) -> dict[str, bytes]:
    """Return the sums by dimension, packed.

    Models are cached for days only: for all hours they would take as much memory again.
    """
    found = sums.by_dimension()
    if level is DAY:
        found[MODEL] = largest(found[MODEL])
    else:
        del found[MODEL]
    return {dimension: pack(counts) for dimension, counts in found.items()}


def by_part(joint: Mapping[str, Counts], part: int) -> dict[str, Counts]:
    """Return counts by origin (part 0) or language (part 1), from counts by `origin/language`."""
    found: dict[str, Counts] = {}
    for key, counts in joint.items():
        add_counts(found, key.split("/", 1)[part], counts)
    return found


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
    found: dict[str, Counts] = {}
    for key, counts in joint.items():
        origin, language = key.split("/", 1)
        add_counts(found, cell_key(origin, language if language in named else OTHER), counts)
    return found


class _Cached(NamedTuple):
    """The packed sums of records by a catalogue: valid for these same objects only."""

    values: tuple[bytes, ...]
    catalog: Catalog
    sums: dict[str, bytes]


class SumsCache:
    """Caches the packed sums of a view's panes by level and start.

    Sums are valid while the view returns the same records. So any thread may add some: where the
    pane has changed meanwhile, they are never used.
    """

    def __init__(self, view: View, catalog: Catalog) -> None:
        self.catalog = catalog
        self._view = view
        self._cached: dict[tuple[Level, int], _Cached] = {}
        view.listeners.append(self._forget)

    def _forget(self, level: Level, start: int) -> None:
        self._cached.pop((level, start), None)

    def use(self, catalog: Catalog) -> None:
        """Use another catalogue for the sums from now on."""
        self.catalog = catalog
        self._cached.clear()

    def sums(
        self, level: Level, start: int, values: tuple[bytes, ...], catalog: Catalog
    ) -> dict[str, bytes]:
        """Return the packed sums of the records at a level and start, by dimension."""
        held = self._cached.get((level, start))
        if held is not None and held.values is values and held.catalog is catalog:
            return held.sums
        sums = packed_sums(level, at_once(added(map(decode_pane, values), catalog)))
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
        """Yield each level and start whose sums are not cached."""
        for level in levels:
            for start in list(self._view.starts.get(level, {})):
                if (level, start) not in self._cached:
                    yield level, start
