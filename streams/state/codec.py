"""Encode a partition's state for Kafka: the keys and values of the table's changelog.

A key is `partition/level/start` for a pane and `partition/position` for the partition's position. A
value holds its version, its writer (generation) and its stamp, the last source offset applied, so
that of two values for one key every reader keeps the same one.

A position is JSON. A pane is packed: a full state has tens of thousands of panes, and every worker
reads them all from Kafka at its start and holds them in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.state.counts import (
    COLUMNS,
    CORE,
    REQUESTS,
    UNMEASURED,
    Counts,
    column,
    tokens_of,
)
from streams.state.packing import (
    Table,
    pack_table,
    table_of,
    table_of_maps,
    unpack,
)
from streams.state.pane import LEVEL_BY_NAME, TENANT_AXES, Level, Pane
from streams.state.seal import NO_PART, Loss, Part, Seal

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Incremented when the meaning of a stored value changes; a reader refuses any other version.
STATE_VERSION = 4
#: Before, panes held four counts, models without who served them, and positions had no version of
#: their own where they hold a shift (3). They are read, and written again in the present version.
_EARLIER_VERSIONS = frozenset((2, 3))
_KNOWN_VERSIONS = _EARLIER_VERSIONS | {STATE_VERSION}

POSITION = "position"


class StateError(Exception):
    """The changelog holds a record that this version of tokenshare does not understand."""


class Totals(msgspec.Struct):
    """Running totals of a partition since its first record: the counters on /metrics.

    `origins`, `languages` and `developers` by key; `records` by `result/reason`; `events` by
    format; `late` counts events older than the allowed lateness. `unread` are the items whose usage
    no reader takes, by `format/source`, and `unread_at` is the newest event time when the last one
    came (unix seconds). `providers` are empty where only a version before has counted.
    """

    origins: dict[str, Counts] = {}
    languages: dict[str, Counts] = {}
    developers: dict[str, Counts] = {}
    records: dict[str, int] = {}
    events: dict[str, int] = {}
    late: int = 0
    unread: dict[str, int] = {}
    unread_at: float = 0.0
    providers: dict[str, Counts] = {}

    def maps(self) -> tuple[dict[str, Counts], ...]:
        """Return all that is counted by key."""
        return self.origins, self.languages, self.developers, self.providers


class PaneRecord(msgspec.Struct, array_like=True):
    """The value of a pane's key: `v` version, `g` generation, `s` stamp, then the packed counts.

    `n` is the number of the flush that wrote it, and `r` the pane's requests. `p` and `q` are its
    stamp and requests in the position before: -1 and 0 where it did not exist. A version of
    tokenshare without seals writes none of the four, and ignores them.
    """

    v: int
    g: int
    s: int
    packed: bytes
    n: int = 0
    p: int = -1
    r: int = -1
    q: int = 0


class PositionRecord(msgspec.Struct):
    """The value of a position key: where to resume reading, and the state when it was written.

    `s` is the next source offset plus `shift`, which grows where the source has lost records that
    were counted: `s` never goes back. `newest` is the newest event time seen (unix seconds), read
    when the wall clock was `read_at`. `topic` is Kafka's id of the source topic that offsets refer
    to: a topic that is recreated gets a new id under the same name. `seal` is None where a version
    without seals wrote it.

    `future` are the offsets from `s` on that were rejected because of their owner's clock, as
    pairs of (offsets since the last one, length); the verdict on each offset up to `judged` is
    given: both with the shift. `lost` is what the changelog has lost of this partition. `epoch` is
    the leader epoch of the records up to the position and of those counted after it, -1 where it is
    not known. `columns` names what the lists of the totals hold, where that is more than four.
    `spans` says whether any record counted may hold spans, True where a version that does not write
    it has counted.
    """

    v: int
    g: int
    s: int
    newest: float
    read_at: float
    totals: Totals
    topic: str = ""
    seal: Seal | None = None
    future: list[int] = []
    judged: int = -1
    lost: Loss | None = None
    epoch: int = -1
    shift: int = 0
    columns: list[str] = []
    spans: bool = True

    @property
    def offset(self) -> int:
        """Return the next offset to read from Kafka."""
        return self.s - self.shift


class Header(msgspec.Struct):
    """The part of a position that decides which of two is kept; see `PositionRecord`."""

    v: int
    g: int
    s: int


class PaneHeader(msgspec.Struct, array_like=True):
    """The part of a pane record that decides which of two is kept; see `PaneRecord`."""

    v: int
    g: int
    s: int


class SealHeader(msgspec.Struct, array_like=True):
    """A pane record without its counts, which are not copied; fields as in `PaneRecord`."""

    v: int
    g: int
    s: int
    packed: memoryview
    n: int = 0
    p: int = -1
    r: int = -1
    q: int = 0


class PaneKey(NamedTuple):
    """A pane of a partition: its level and its start in unix seconds."""

    level: Level
    start: int


_encode = msgspec.json.Encoder().encode
_decode_header = msgspec.json.Decoder(Header).decode
_decode_position = msgspec.json.Decoder(PositionRecord).decode
_encode_pane = msgspec.msgpack.Encoder().encode
_decode_pane_header = msgspec.msgpack.Decoder(PaneHeader).decode
_decode_seal_header = msgspec.msgpack.Decoder(SealHeader).decode
_decode_pane = msgspec.msgpack.Decoder(PaneRecord).decode


def pane_key(partition: int, key: PaneKey) -> str:
    """Return the table key of a pane."""
    return f"{partition}/{key.level.name}/{key.start}"


def position_key(partition: int) -> str:
    """Return the table key of a partition's position."""
    return f"{partition}/{POSITION}"


def parse_key(key: str) -> tuple[int, PaneKey | None]:
    """Return the partition and the pane of a table key; None for the position.

    Raises StateError for a key that this version does not know.
    """
    try:
        partition, rest = key.split("/", 1)
        if rest == POSITION:
            return int(partition), None
        level, start = rest.split("/")
        return int(partition), PaneKey(LEVEL_BY_NAME[level], int(start))
    except (ValueError, KeyError):
        raise StateError(f"unknown key {key[:80]!r}") from None


def encode_pane(pane: Pane, generation: int, n: int = 0, before: Part = NO_PART) -> bytes:
    """Return the value of a pane's key, written by flush `n`; `before` is its part until then."""
    table = table_of_maps(pane.cells, pane.models, pane.tenants)
    return encode_table(table, pane.stamp, generation, n, before)


def encode_table(table: Table, stamp: int, generation: int, n: int, before: Part) -> bytes:
    """Return what `encode_pane` returns, of a table of cells, models and tenants."""
    (cells, models, tenants), rows = table
    requests = int(rows[: len(cells), REQUESTS].sum())
    if not cells and tenants:
        requests = int(rows[len(models) :, REQUESTS].sum()) // TENANT_AXES
    marks = (n, before.stamp, requests, before.requests)
    return _encode_pane(PaneRecord(STATE_VERSION, generation, stamp, pack_table(table), *marks))


def write_again(value: bytes, generation: int, n: int, before: Part) -> bytes:
    """Return the value of a pane's key as written by another flush. Raises StateError."""
    record = _record_of(value)
    requests = requests_of(value) if record.r < 0 else record.r
    marks = (n, before.stamp, requests, before.requests)
    # With the version of its counts, which are not touched.
    return _encode_pane(PaneRecord(record.v, generation, record.s, record.packed, *marks))


def decode_pane(value: bytes) -> Pane:
    """Return the pane of a value; raises StateError."""
    record = _record_of(value)
    try:
        cells, models, tenants = unpack(record.packed)
    except ValueError as error:
        raise StateError(f"unreadable pane: {error}") from None
    if record.v in _EARLIER_VERSIONS:
        for counted in (cells, models):
            _mark_unmeasured(counted)
    return Pane(cells, models, tenants, record.s)


def table_of_pane(value: bytes) -> Table:
    """Return the cells, models and tenants of a pane's value as a table; raises StateError."""
    record = _record_of(value)
    if record.v in _EARLIER_VERSIONS:
        pane = decode_pane(value)
        return table_of_maps(pane.cells, pane.models, pane.tenants)
    try:
        return table_of(record.packed)
    except ValueError as error:
        raise StateError(f"unreadable pane: {error}") from None


def _mark_unmeasured(counted: dict[str, Counts]) -> None:
    for counts in counted.values():
        counts.extend([0] * (UNMEASURED - len(counts)))
        counts.append(tokens_of(counts))


def _record_of(value: bytes) -> PaneRecord:
    try:
        return _decode_pane(value)
    except msgspec.MsgspecError as error:
        raise StateError(f"unreadable pane: {error}") from None


def seal_header(value: bytes) -> SealHeader:
    """Return the header of a pane's value, with its part in a seal; raises StateError."""
    try:
        return _decode_seal_header(value)
    except msgspec.MsgspecError as error:
        raise StateError(f"unreadable pane: {error}") from None


def requests_of(value: bytes) -> int:
    """Return the requests of a pane's value; raises StateError."""
    header = seal_header(value)
    return header.r if header.r >= 0 else decode_pane(value).requests


def encode_position(record: PositionRecord) -> bytes:
    """Return the value of a position key."""
    counted = (counts for each in record.totals.maps() for counts in each.values())
    width = max(map(len, counted), default=CORE)
    return _encode(msgspec.structs.replace(record, columns=COLUMNS[:width] if width > CORE else []))


def decode_position(value: bytes) -> PositionRecord:
    """Return the position of a value; raises StateError."""
    try:
        record = _decode_position(value)
    except msgspec.MsgspecError as error:
        raise StateError(f"unreadable position: {error}") from None
    places = list(map(column, record.columns))
    if places != list(range(len(places))):
        for counted in record.totals.maps():
            for key, counts in counted.items():
                counted[key] = _placed(counts, places)
    return record


def _placed(counts: Counts, places: Sequence[int]) -> Counts:
    placed = [0] * (max(places) + 1)
    for place, count in zip(places, counts, strict=False):
        placed[place] = count
    return placed


def order(value: bytes) -> tuple[int, int]:
    """Return (generation, stamp) of a value: of two values for one key the higher is kept.

    Raises StateError for another version's value.
    """
    # Positions are JSON, and so was all of version 1.
    decode = _decode_header if value[:1] == b"{" else _decode_pane_header
    try:
        header = decode(value)
    except msgspec.MsgspecError as error:
        raise StateError(f"unreadable state: {error}") from None
    if header.v not in _KNOWN_VERSIONS:
        raise StateError(f"state version {header.v}, this tokenshare reads {STATE_VERSION}")
    return header.g, header.s
