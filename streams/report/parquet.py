"""Convert rows of a Parquet file to the lines of an equivalent JSON file.

A table with one column holds whole records, as sinks of Kafka topics write them. With several
columns, each row is a record with the columns as its fields; an empty field is absent.
"""

from __future__ import annotations

from decimal import Decimal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from streams.report.lines import BrokenOffError

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = b"PAR1"
#: Whether the extra tokenshare[parquet] is installed.
IS_INSTALLED = find_spec("pyarrow") is not None
_ROWS = 8192


def rows(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the rows of a file as lines of JSON, in lists. Raises BrokenOffError."""
    # A fifth of what the command line would take to start, and only this needs it.
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    try:
        file = parquet.ParquetFile(stream)
        for batch in file.iter_batches(_ROWS):
            yield [_line(row) for row in batch.to_pylist()]
    except (pa.ArrowException, OSError) as error:
        # Its first line names the error; the others are its own trace.
        raise BrokenOffError(
            f"not a complete Parquet file ({str(error).splitlines()[0][:200]})"
        ) from None


def _line(row: dict[str, Any]) -> bytes:
    if len(row) == 1:
        (value,) = row.values()
        if isinstance(value, (str, bytes)):
            return value.encode() if isinstance(value, str) else value
    present = {name: value for name, value in row.items() if value is not None}
    try:
        return orjson.dumps(present, default=_plain)
    except orjson.JSONEncodeError:
        # A number beyond 64 bits: the line is reported as invalid JSON.
        return b"?"


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)
