"""Rows as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A spreadsheet reads a text that begins with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a head and rows as CSV in UTF-8; None is an empty field."""
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\r\n").writerow
    write(head)
    for row in rows:
        write([_text(each) if isinstance(each, str) else each for each in row])
    return text.getvalue().encode()


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
