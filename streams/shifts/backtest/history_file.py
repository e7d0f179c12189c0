"""Read a history as JSON lines: one cell per line; errors name the line number."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from streams.classify.name_numbers import NameNumbers
from streams.state.pane import MIDDLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from streams.shifts.series import Array

#: Bytes decoded at once; several thousand lines.
_READ_BYTES = 1 << 20
#: All of it is held in memory, with a row for every pane between the first and the last.
MAX_DAYS = 1100
#: No real time or count comes near these; below them no sum here overflows.
MAX_TIME, _MAX_COUNT = 2**38, 10**30
MICRO_IN_DOLLAR = 1e6


class HistoryError(Exception):
    """A history cannot be read; the message names the file, the line and what to do."""


class Line(msgspec.Struct):
    """A cell as written in the file: the totals of one origin, language and tenant from `start` on.

    `start` in unix seconds. A cell lies in one pane of 5 minutes (`seconds` divides 300), or spans
    whole panes, over which it is spread evenly. `cost_usd` is the price of all its requests in US
    dollars, None where they have none.
    """

    start: int
    seconds: int
    origin: str
    language: str
    requests: int
    tokens: int
    tokens_squared: int
    tenant: str | None = None
    model: str | None = None
    cost_usd: float | None = None


_read_lines = msgspec.json.Decoder(Line).decode_lines
_read_line = msgspec.json.Decoder(Line).decode
_columns: Callable[[Line], tuple[Any, ...]] = attrgetter(
    *("start", "seconds", "origin", "language", "tenant", "model"),
    *("requests", "tokens", "tokens_squared", "cost_usd"),
)


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a history, as columns. `pane` is `start // 300`; keys index the names.

    `tenant` and `model` are -1 where requests name none. `cost` is in micro-dollars, NaN where a
    cell has no price; None where no cell has one. `has_squares` is false where sums of squares are
    an estimate.
    """

    pane: NDArray[np.int32]
    origin: NDArray[np.int32]
    language: NDArray[np.int32]
    tenant: NDArray[np.int32]
    model: NDArray[np.int32]
    requests: Array
    tokens: Array
    squares: Array
    origins: tuple[str, ...]
    languages: tuple[str, ...]
    tenants: tuple[str, ...]
    models: tuple[str, ...] = ()
    has_squares: bool = True
    cost: Array | None = None

    @property
    def cost_squares(self) -> Array:
        """The sums of squared costs; an estimate: the tokens of a cell cost the same."""
        cost = np.zeros_like(self.tokens) if self.cost is None else np.nan_to_num(self.cost)
        of_tokens = np.divide(
            self.squares, self.tokens**2, out=np.zeros_like(cost), where=self.tokens > 0
        )
        # Requests without a token may have a price: they are taken to be equal.
        equal = np.divide(1.0, self.requests, out=np.zeros_like(cost), where=self.requests > 0)
        return cost**2 * np.where(of_tokens > 0, of_tokens, equal)


class _Chunk(NamedTuple):
    """Some lines, with the file that they are in and the number of the line before them."""

    name: str
    before: int
    data: bytes


def read(files: Iterable[tuple[str, IO[bytes]]]) -> Cells:
    """Return the cells of files, each a name and an open stream. Raises HistoryError."""
    reading = Reading()
    for name, stream in files:
        newest = -(2**62)
        for chunk in _chunks(name, stream):
            newest = reading.take(chunk, newest)
    return reading.cells()


def _chunks(name: str, stream: IO[bytes]) -> Iterator[_Chunk]:
    before, kept = 0, b""
    while data := stream.read(_READ_BYTES):
        whole, newline, kept = (kept + data).rpartition(b"\n")
        if newline:
            yield _Chunk(name, before, whole)
            before += whole.count(b"\n") + 1
    if kept.strip():
        yield _Chunk(name, before, kept)


class Reading:
    """The columns so far."""

    def __init__(self) -> None:
        self.origins, self.languages = NameNumbers(), NameNumbers()
        self.tenants, self.models = NameNumbers(None, ""), NameNumbers(None, "")
        self.parts: list[tuple[NDArray[Any], ...]] = []

    def take(self, chunk: _Chunk, newest: int) -> int:
        """Add the lines of a chunk; returns the start of the last. Raises HistoryError."""
        try:
            lines = _read_lines(chunk.data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise _first_bad_line(chunk) from None
        if len(lines) != len(_filled(chunk)):
            raise _first_bad_line(chunk)
        if not lines:
            return newest
        start, seconds, origin, language, tenant, model, *counts = zip(
            *map(_columns, lines), strict=True
        )
        starts, lengths = _whole(start), _whole(seconds)
        cost = np.array([np.nan if each is None else each for each in counts.pop()])
        amounts = [*(_amounts(each) for each in counts), cost * MICRO_IN_DOLLAR]
        fault = _fault(starts, lengths, amounts, newest)
        if fault is not None:
            place, problem = fault
            raise HistoryError(f"{chunk.name}, line {_filled(chunk)[place][0]}: {problem}")
        columns = [
            (starts // MIDDLE.seconds).astype(np.int32),
            self.origins.of(origin),
            self.languages.of(language),
            self.tenants.of(tenant),
            self.models.of(model),
        ]
        self.parts.append(tuple(spread(columns, amounts, lengths)))
        return int(starts[-1])

    def cells(self) -> Cells:
        """Return all cells. Raises HistoryError where there are none."""
        if not self.parts:
            raise HistoryError("the history has no lines: give files with one cell per line")
        first = min(int(part[0].min()) for part in self.parts)
        last = max(int(part[0].max()) for part in self.parts)
        if (last - first) * MIDDLE.seconds > MAX_DAYS * 86400:
            raise HistoryError(
                f"the history spans more than {MAX_DAYS} days: look for a `start` that is wrong, "
                "or give fewer files"
            )
        columns = [[*column] for column in zip(*self.parts, strict=True)]
        # Joined one by one, so that only one of them is held twice.
        self.parts.clear()
        pane, origin, language, tenant, model, *counts = (
            np.concatenate(columns.pop(0)) for _ in range(len(columns))
        )
        requests, tokens, squares, cost = counts
        if not requests.any():
            raise HistoryError("the history has no requests: `requests` is 0 in every cell")
        return Cells(
            pane,
            origin,
            language,
            tenant,
            model,
            requests,
            tokens,
            squares,
            tuple(self.origins.names),
            tuple(self.languages.names),
            tuple(self.tenants.names),
            tuple(self.models.names),
            cost=None if np.isnan(cost).all() else cost,
        )


def _whole(values: tuple[int, ...]) -> NDArray[np.int64]:
    # Values that do not fit are reported as a fault.
    return np.array([min(max(value, -1), MAX_TIME) for value in values], dtype=np.int64)


def _amounts(values: tuple[int, ...]) -> Array:
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        return np.array([min(value, _MAX_COUNT) for value in values], dtype=np.float64)


def _fault(
    starts: NDArray[np.int64], lengths: NDArray[np.int64], amounts: list[Array], newest: int
) -> tuple[int, str] | None:
    """Return the place of the first line that cannot be counted, and the reason."""
    pane = MIDDLE.seconds
    step = np.minimum(np.maximum(lengths, 1), pane)
    previous = np.concatenate([[newest], starts[:-1]])
    faults = (
        (
            (lengths < 1) | ((pane % step != 0) | (lengths > pane) & (lengths % pane != 0)),
            "`seconds` must divide 300, or be a multiple of it",
        ),
        (lengths > MAX_DAYS * 86400, f"`seconds` is more than {MAX_DAYS} days"),
        ((starts < 0) | (starts >= MAX_TIME), "`start` is not a time in unix seconds"),
        (
            starts % step != 0,
            "`start` must be a multiple of `seconds`, or of 300 where that is less",
        ),
        (np.any([each < 0 for each in amounts], axis=0), "a count is negative"),
        (np.any([each >= _MAX_COUNT for each in amounts], axis=0), "a count is too large"),
        (starts < previous, "it starts before the line above it: sort the lines by `start`"),
    )
    found = [(int(bad.argmax()), problem) for bad, problem in faults if bad.any()]
    return min(found) if found else None


def spread(
    columns: list[NDArray[np.int32]], amounts: list[Array], lengths: NDArray[np.int64]
) -> list[NDArray[Any]]:
    """Return the columns with a row for each pane that a cell spans."""
    if (lengths <= MIDDLE.seconds).all():
        return [*columns, *amounts]
    spans = np.maximum(lengths // MIDDLE.seconds, 1)
    place = np.arange(spans.sum(), dtype=np.int32)
    place -= np.repeat(spans.cumsum() - spans, spans).astype(np.int32)
    pane, *keys = (np.repeat(column, spans) for column in columns)
    return [pane + place, *keys, *(np.repeat(each / spans, spans) for each in amounts)]


def _first_bad_line(chunk: _Chunk) -> HistoryError:
    for number, line in _filled(chunk):
        try:
            _read_line(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return HistoryError(
                f"{chunk.name}, line {number}: {error}. A line is a cell, as `tokenshare backtest "
                "--help` shows it."
            )
    return HistoryError(f"{chunk.name}, near line {chunk.before + 1}: this line is not JSON")


def _filled(chunk: _Chunk) -> list[tuple[int, bytes]]:
    """Return the lines of a chunk that are not blank, with their numbers in the file."""
    numbered = enumerate(chunk.data.split(b"\n"), chunk.before + 1)
    return [(number, line) for number, line in numbered if line.strip()]
