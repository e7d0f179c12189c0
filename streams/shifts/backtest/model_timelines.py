"""A history by developer and by model, from the cells that name their model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.classify.keys import OTHER, UNKNOWN
from streams.shares.grouping import SHOWN_DEVELOPERS
from streams.shifts.backtest.timeline import Timeline, by_hour, counted, whole_hours
from streams.shifts.models import MIN_SHARE
from streams.state.pane import DAY, MIDDLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.classify.origin.catalog import Catalog
    from streams.shifts.backtest.history_file import Cells
    from streams.shifts.backtest.timeline import Belongs
    from streams.shifts.series import Array

#: Models that are watched: those with the largest share of any day.
MAX_MODELS = 128


def model_timelines(cells: Cells, catalog: Catalog) -> tuple[Timeline, ...]:
    """Return the history by developer and by model; small ones count as `other`.

    Requests without a model count as `other`, too. An origin is that of the file, not that of the
    catalogue, which has the developer.
    """
    developers = [catalog.classify(model).developer or UNKNOWN for model in cells.models]
    names = tuple(sorted(set(developers)))
    of_model = np.array([names.index(each) for each in developers], dtype=np.int32)
    model = cells.model
    developer = np.where(model >= 0, of_model[model], -1).astype(np.int32)
    origin_of = _main_origins(cells, model, len(cells.models))
    origin_of_developer = _main_origins(cells, developer, len(names))
    return (
        _timeline(
            cells,
            "developer",
            (developer, names),
            SHOWN_DEVELOPERS,
            {
                name: (("developer", name), ("origin", origin))
                for name, origin in zip(names, origin_of_developer, strict=True)
            },
        ),
        _timeline(
            cells,
            "model",
            (model, cells.models),
            MAX_MODELS,
            {
                name: (("developer", maker), ("origin", origin))
                for name, maker, origin in zip(cells.models, developers, origin_of, strict=True)
            },
        ),
    )


def _timeline(
    cells: Cells,
    dimension: str,
    column: tuple[NDArray[np.int32], tuple[str, ...]],
    limit: int,
    belongs: dict[str, Belongs],
) -> Timeline:
    key, names = column
    shares = _largest_shares(cells, key, len(names))
    order = sorted(range(len(names)), key=lambda place: (-shares[place], names[place]))
    shown = [place for place in order if shares[place] >= MIN_SHARE][:limit]
    numbers = np.full(len(names) + 1, len(shown), dtype=np.int32)
    numbers[shown] = np.arange(len(shown))
    # A cell without a model is -1, the last of the numbers.
    start, number = whole_hours(cells)
    keys = (*(names[place] for place in shown), OTHER)
    panes = counted(cells, keys, start, numbers[key], number)
    return Timeline(dimension, panes, by_hour(panes), None, belongs)


def _largest_shares(cells: Cells, key: NDArray[np.int32], number: int) -> Array:
    """Return the largest share of tokens that each key had on any day."""
    day = cells.pane // (DAY.seconds // MIDDLE.seconds)
    day = (day - day.min()).astype(np.int64)
    days = int(day.max()) + 1
    totals = np.bincount(day, cells.tokens, days)
    found = np.zeros(number)
    is_named = key >= 0
    place = day[is_named] * number + key[is_named]
    by_day = np.bincount(place, cells.tokens[is_named], days * number).reshape(days, number)
    busy = totals > 0
    if busy.any():
        found = (by_day[busy] / totals[busy, None]).max(axis=0)
    return found


def _main_origins(cells: Cells, key: NDArray[np.int32], number: int) -> list[str]:
    """Return the origin that most tokens of each key have."""
    is_named = key >= 0
    place = key[is_named].astype(np.int64) * len(cells.origins) + cells.origin[is_named]
    weights = np.bincount(place, cells.tokens[is_named], number * len(cells.origins))
    largest = weights.reshape(number, len(cells.origins)).argmax(axis=1)
    return [cells.origins[each] for each in largest.tolist()]
