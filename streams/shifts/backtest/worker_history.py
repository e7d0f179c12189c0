"""Read a worker's own history, as its API returns it: by origin and language, and by model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np

from streams.classify.keys import OTHER
from streams.classify.language.tags import UNDETERMINED
from streams.shifts.backtest.history_file import (
    MAX_TIME,
    MICRO_IN_DOLLAR,
    Cells,
    HistoryError,
    Reading,
    spread,
)
from streams.state.pane import MIDDLE

if TYPE_CHECKING:
    from streams.classify.origin.catalog import Catalog

#: n_eff / n of usage events where squares were not counted: the least of those measured of real
#: traffic (0.21 at Alibaba Cloud, 0.38 to 0.69 elsewhere), because tokens have a heavy tail.
EFFECTIVE_PART = 0.2

_Count = Annotated[float, msgspec.Meta(ge=0)]
#: The place of the cost in a cell; workers of before prices send four counts.
_COST = 5
_Counts = Annotated[list[_Count | None], msgspec.Meta(min_length=4)]


class _Point(msgspec.Struct):
    start: Annotated[int, msgspec.Meta(ge=0, lt=MAX_TIME)]
    cells: dict[Annotated[str, msgspec.Meta(min_length=1)], _Counts]


class _WorkerHistory(msgspec.Struct):
    """The part of a worker's response that is needed."""

    # By hour, as requested: each hour is spread over its panes.
    seconds: Annotated[int, msgspec.Meta(ge=MIDDLE.seconds, le=3600, multiple_of=MIDDLE.seconds)]
    points: list[_Point]


def of_worker(body: object) -> Cells:
    """Return the cells of a worker's history: the body of /api/v1/history, by hour and `joint`.

    It names no tenants, and no sums of squares. A cell is [tokens, requests, prompt tokens,
    completion tokens, uncached tokens, cost in dollars]; of the last two null is not known. A cell
    with a cost is taken to have all of its requests priced. Raises HistoryError.
    """
    history = _read(body)
    keys = [key.partition("/") for point in history.points for key in point.cells]
    if not all(slash for _, slash, _ in keys):
        raise HistoryError(
            "the response is not a history (a key is not `origin/language`): give the address of a "
            "tokenshare worker"
        )
    reading = Reading()
    origins = reading.origins.of(origin for origin, _, _ in keys)
    languages = reading.languages.of(language for _, _, language in keys)
    nameless = np.full(len(keys), -1, dtype=np.int32)
    return _cells(reading, history, [origins, languages, nameless, nameless])


def models_of_worker(body: object, catalog: Catalog) -> Cells:
    """Return the cells by model of a worker's history: the body by hour and `model`.

    They have the model's origin, and no language. Raises HistoryError.
    """
    history = _read(body)
    models = [model for point in history.points for model in point.cells]
    reading = Reading()
    origins = reading.origins.of(catalog.classify(model).origin for model in models)
    languages = reading.languages.of(UNDETERMINED for _ in models)
    numbers = reading.models.of(None if model == OTHER else model for model in models)
    nameless = np.full(len(models), -1, dtype=np.int32)
    return _cells(reading, history, [origins, languages, nameless, numbers])


def _read(body: object) -> _WorkerHistory:
    try:
        history = msgspec.convert(body, _WorkerHistory)
    except msgspec.ValidationError as error:
        raise HistoryError(
            f"the response is not a history ({error}): give the address of a tokenshare worker"
        ) from None
    if not any(point.cells for point in history.points):
        raise HistoryError("the worker has no history yet: nothing has been counted there")
    return history


def _cells(reading: Reading, history: _WorkerHistory, keys: list[np.ndarray]) -> Cells:
    panes = [point.start // MIDDLE.seconds for point in history.points for _ in point.cells]
    counted = [counts for point in history.points for counts in point.cells.values()]
    requests, tokens, cost = (
        np.array([_at(counts, place) for counts in counted]) for place in (1, 0, _COST)
    )
    if np.isnan(requests).any() or np.isnan(tokens).any():
        raise HistoryError(
            "the response is not a history (a cell has no tokens or requests): give the address of "
            "a tokenshare worker"
        )
    squares = np.divide(tokens**2, requests * EFFECTIVE_PART, where=requests > 0, out=tokens * 0)
    lengths = np.full(len(panes), history.seconds, dtype=np.int64)
    columns = [np.array(panes, dtype=np.int32), *keys]
    amounts = [requests, tokens, squares, cost * MICRO_IN_DOLLAR]
    reading.parts.append(tuple(spread(columns, amounts, lengths)))
    return replace(reading.cells(), has_squares=False)


def _at(counts: list[float | None], place: int) -> float:
    """Return the count at a place of a cell, NaN where there is none."""
    count = counts[place] if place < len(counts) else None
    return np.nan if count is None else count
