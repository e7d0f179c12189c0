"""Encode a partition's state for Kafka: the keys and values of the table's changelog.

A key is `partition/level/start` for a pane and `partition/position` for the partition's position. A
value holds its version, its writer (generation) and its stamp, the last source offset applied, so
that of two values for one key every reader keeps the same one.

A position is JSON. A pane is packed: a full state has tens of thousands of panes, and every worker
reads them all from Kafka at its start and holds them in memory.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from streams.state.packing import pack, unpack
from streams.state.pane import LEVEL_BY_NAME, Counts, Level, Pane

#: Incremented when the meaning of a stored value changes; a reader refuses any other version.
STATE_VERSION = 2

POSITION = "position"


class StateError(Exception):
    """The changelog holds a record that this version of tokenshare does not understand."""


class Totals(msgspec.Struct):
    """Running totals of a partition since its first record: the counters on /metrics.

    `origins`, `languages` and `developers` by key; `records` by `result/reason`; `events` by
    format; `late` counts events older than the allowed lateness.
    """

    origins: dict[str, Counts] = {}
    languages: dict[str, Counts] = {}
    developers: dict[str, Counts] = {}
    records: dict[str, int] = {}
    events: dict[str, int] = {}
    late: int = 0


class PaneRecord(msgspec.Struct, array_like=True):
    """The value of a pane's key: `v` version, `g` generation, `s` stamp, then the packed counts."""

    v: int
    g: int
    s: int
    packed: bytes


class PositionRecord(msgspec.Struct):
    """The value of a position key: where to resume reading, and the state when it was written.

    `s` is the next source offset. `newest` is the newest event time seen (unix seconds), read when
    the wall clock was `read_at`. `topic` is Kafka's id of the source topic that offsets refer to: a
    topic that is recreated gets a new id under the same name.
    """

    v: int
    g: int
    s: int
    newest: float
    read_at: float
    totals: Totals
    topic: str = ""


class Header(msgspec.Struct):
    """The part of a position that decides which of two is kept."""

    v: int
    g: int
    s: int


class PaneHeader(msgspec.Struct, array_like=True):
    """The part of a pane record that decides which of two is kept."""

    v: int
    g: int
    s: int


class PaneKey(NamedTuple):
    """A pane of a partition: its level and its start in unix seconds."""

    level: Level
    start: int


_encode = msgspec.json.Encoder().encode
_decode_header = msgspec.json.Decoder(Header).decode
_decode_position = msgspec.json.Decoder(PositionRecord).decode
_encode_pane = msgspec.msgpack.Encoder().encode
_decode_pane_header = msgspec.msgpack.Decoder(PaneHeader).decode
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


def encode_pane(pane: Pane, generation: int) -> bytes:
    """Return the value of a pane's key."""
    packed = pack(pane.cells, pane.models, pane.tenants)
    return _encode_pane(PaneRecord(STATE_VERSION, generation, pane.stamp, packed))


def decode_pane(value: bytes) -> Pane:
    """Return the pane of a value; raises StateError."""
    try:
        record = _decode_pane(value)
        cells, models, tenants = unpack(record.packed)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateError(f"unreadable pane: {error}") from None
    return Pane(cells, models, tenants, record.s)


def encode_position(record: PositionRecord) -> bytes:
    """Return the value of a position key."""
    return _encode(record)


def decode_position(value: bytes) -> PositionRecord:
    """Return the position of a value; raises StateError."""
    try:
        return _decode_position(value)
    except msgspec.MsgspecError as error:
        raise StateError(f"unreadable position: {error}") from None


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
    if header.v != STATE_VERSION:
        raise StateError(f"state version {header.v}, this tokenshare reads {STATE_VERSION}")
    return header.g, header.s
