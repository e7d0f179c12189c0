"""Changes of a table's rows, as tools that follow a database write them. New rows are requests.

Sources: Maxwell, data format; alibaba/canal, FlatMessage (TiCDC writes the same); AWS DMS, Kafka as
a target; Oracle GoldenGate, JSON formatter; Qlik Replicate, message format; Google Datastream,
unified event; Supabase, database webhooks; MongoDB, change events; eulerto/wal2json, both formats.
Debezium's are in `envelopes.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.decode.event import Rejected, Skipped
from streams.decode.formats.raw_usage import json_type, part

if TYPE_CHECKING:
    from collections.abc import Mapping


class Rows(NamedTuple):
    """The new rows of a change, and when it was made: None for rows that are older than that."""

    rows: list[Any]
    time: object = None


class _Writer(NamedTuple):
    """Where a tool writes what was done, to which rows, and when: each a path with dots.

    A change has all of `keys`, and a text at `operation`. `made` are the operations that make a
    row, `copied` those that read an existing one.
    """

    name: str
    keys: frozenset[str]
    operation: str
    rows: str
    made: str
    copied: str = ""
    time: str = ""


_WRITERS: Final = (
    _Writer(
        "Canal",
        frozenset(("database", "table", "type", "isDdl")),
        operation="type",
        rows="data",
        made="INSERT",
        time="es",
    ),
    _Writer(
        "Maxwell",
        frozenset(("database", "table", "type")),
        operation="type",
        rows="data",
        made="insert",
        copied="bootstrap-insert",
        time="ts",
    ),
    _Writer(
        "AWS DMS",
        frozenset(("metadata",)),
        operation="metadata.operation",
        rows="data",
        made="insert",
        copied="load",
        time="metadata.timestamp",
    ),
    _Writer(
        "GoldenGate",
        frozenset(("table", "op_type")),
        operation="op_type",
        rows="after",
        made="I",
        time="op_ts",
    ),
    _Writer(
        "Qlik Replicate",
        frozenset(("data", "beforeData", "headers")),
        operation="headers.operation",
        rows="data",
        made="INSERT",
        copied="REFRESH",
        time="headers.timestamp",
    ),
    _Writer(
        "Datastream",
        frozenset(("source_metadata", "payload")),
        operation="source_metadata.change_type",
        rows="payload",
        made="INSERT",
        time="source_timestamp",
    ),
    _Writer(
        "Supabase",
        frozenset(("type", "table", "schema", "record")),
        operation="type",
        rows="record",
        made="INSERT",
    ),
    _Writer(
        "MongoDB",
        frozenset(("operationType", "ns")),
        operation="operationType",
        rows="fullDocument",
        made="insert",
    ),
    _Writer(
        "wal2json",
        frozenset(("action", "schema", "table")),
        operation="action",
        rows="columns",
        made="I",
        time="timestamp",
    ),
)
#: The fields that say what was done, by their last names.
OPERATIONS: Final = tuple(dict.fromkeys(each.operation.rpartition(".")[2] for each in _WRITERS))
#: How Datastream names the reading of rows that were there before.
BACKFILL: Final = "backfill"
#: Every writer has one of these.
_KEYS: Final = frozenset(("table", "metadata", "headers", "source_metadata", "ns", "change"))
#: Lists of names and of values, in the older format of wal2json.
COLUMNS: Final = ("columnnames", "columnvalues")
#: What AWS DMS names what it writes.
_DMS: Final = "record-type"


def writer_of(document: Mapping[str, Any]) -> str | None:
    """Return the name of the tool that wrote a change, None for any other document."""
    if document.keys().isdisjoint(_KEYS):
        return None
    if _is_transaction(document):
        return "wal2json"
    writer = _writer(document)
    return None if writer is None else writer.name


def new_rows(document: Mapping[str, Any]) -> Rows | Rejected | Skipped | None:
    """Return the rows that a change has made; None for a document that is no change."""
    if document.keys().isdisjoint(_KEYS):
        return None
    if _is_transaction(document):
        made = [each for each in document["change"] if part(each, "kind") == "insert"]
        return Rows([*map(_row, made)], document.get("timestamp")) if made else _no_request()
    writer = _writer(document)
    if writer is None:
        return None
    operation = _at(document, writer.operation)
    if operation not in {writer.made, writer.copied}:
        # A row that was counted when it was made is no new request when it changes.
        return _no_request()
    held = _at(document, writer.rows)
    if writer.name == "wal2json":
        held = _row_of(held)
    rows = held if type(held) is list else [held]
    if not rows or not all(type(each) in {dict, str} for each in rows):
        return Rejected("bad_envelope", f"{writer.rows} is {json_type(held)}")
    is_old = operation == writer.copied or _is_backfill(document.get("read_method"))
    return Rows(rows, None if is_old else _at(document, writer.time))


def _is_backfill(method: object) -> bool:
    return type(method) is str and method.endswith(BACKFILL)


def _at(document: Mapping[str, Any], path: str) -> Any:
    return part(document, *path.split("."))


def _no_request() -> Skipped:
    return Skipped("not_a_request")


def _writer(document: Mapping[str, Any]) -> _Writer | None:
    for each in _WRITERS:
        if document.keys() >= each.keys and type(_at(document, each.operation)) is str:
            if each.name == "AWS DMS" and _DMS not in document["metadata"]:
                continue
            return each
    return None


def _is_transaction(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a transaction of wal2json's, the older format."""
    changes = document.get("change")
    return (
        type(changes) is list
        and bool(changes)
        and all(type(each) is dict and {"kind", "table"} <= each.keys() for each in changes)
    )


def _row(change: Mapping[str, Any]) -> Any:
    """Return the row of a change whose names and values are two lists."""
    columns = columns_of(change)
    return None if columns is None else dict(columns)


def columns_of(change: Mapping[str, Any]) -> list[tuple[str, Any]] | None:
    """Return the columns of a change whose names and values are two lists, None without any."""
    found, values = map(change.get, COLUMNS)
    if type(found) is not list or type(values) is not list:
        return None
    pairs = zip(found, values, strict=False)
    return [(name, value) for name, value in pairs if type(name) is str] or None


def _row_of(columns: object) -> Any:
    """Return the row of a list of columns."""
    if type(columns) is not list:
        return columns
    return {
        each["name"]: each.get("value")
        for each in columns
        if type(each) is dict and type(each.get("name")) is str
    }
