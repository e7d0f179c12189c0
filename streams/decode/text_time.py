"""Times that are texts, in the spellings in which programs write them, as unix seconds.

Besides ISO 8601: what BigQuery, Go, Java and .NET print (`2026-11-18 12:01:20.5 UTC`, `+0000 UTC`,
`+01:00[Europe/Paris]`), slashes in the date, as nginx and Go's log write it; the dates of HTTP and
mail (RFC 1123, RFC 850), of access logs (`18/Nov/2026:12:01:20 +0000`), and of `ctime` and `date`.
A zone by any other name than those of UTC has no offset that everybody agrees on: no time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
)
#: Years of two digits below it are of this century, as in RFC 2822.
_CENTURY: Final = 50

_CLOCK: Final = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]+))?)?"
)
_ZONE: Final = r"(?P<zone>Z|UTC|GMT|UT|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})?)"
_MONTH: Final = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]{{0,6}}"
_DAY: Final = r"(?P<day>[0-9]{1,2})"
#: ISO 8601 and what resembles it, HTTP's and the like, and `ctime`'s.
_NUMBERS: Final = (
    rf"(?P<year>[0-9]{{4}})[/-](?P<month>[0-9]{{1,2}})[/-]{_DAY}[ T]{_CLOCK}"
    rf"(?: ?{_ZONE}(?: [A-Z]{{1,5}})?(?: m=[+-][0-9.]+)?(?:\[[\w/+-]+\])?)?"
)
_DAY_FIRST: Final = (
    rf"(?:[A-Z]{{3,9}}, ?)?{_DAY}[ /-]{_MONTH}[ /-](?P<year>[0-9]{{4}}|[0-9]{{2}})"
    rf"[ :]{_CLOCK}(?: {_ZONE})?"
)
_YEAR_LAST: Final = (
    rf"(?:[A-Z]{{3,9}} )?{_MONTH} {{1,2}}{_DAY} {_CLOCK}(?: {_ZONE})? (?P<year>[0-9]{{4}})"
)
_SPELLINGS: Final = tuple(
    re.compile(each, re.IGNORECASE) for each in (_NUMBERS, _DAY_FIRST, _YEAR_LAST)
)
#: Longer texts are none.
_MAX_CHARACTERS: Final = 96


def seconds_of(text: str) -> float | None:
    """Return a time in unix seconds, None where the text is none; UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        found = _spelled(text)
        if found is None:
            return None
        moment = found
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.timestamp()
    except (OverflowError, ValueError):
        return None


def _spelled(text: str) -> datetime | None:
    if len(text) > _MAX_CHARACTERS:
        return None
    for spelling in _SPELLINGS:
        found = spelling.fullmatch(text)
        if found is not None:
            try:
                return _moment(found.groupdict())
            except ValueError:
                return None
    return None


def _moment(parts: Mapping[str, str | None]) -> datetime:
    """Return the moment of a text's parts. Raises ValueError where there is none."""
    name = parts.get("name")
    month = int(parts.get("month") or 0) if name is None else _MONTHS.index(name.lower()) + 1
    return datetime(
        _year(parts["year"] or ""),
        month,
        int(parts["day"] or 0),
        int(parts["hour"] or 0),
        int(parts["minute"] or 0),
        int(parts["second"] or 0),
        int((parts["part"] or "")[:6].ljust(6, "0")),
        tzinfo=_zone(parts),
    )


def _year(digits: str) -> int:
    if len(digits) > 2:
        return int(digits)
    return int(digits) + (2000 if int(digits) < _CENTURY else 1900)


def _zone(parts: Mapping[str, str | None]) -> timezone:
    offset = timedelta(hours=int(parts["hours"] or 0), minutes=int(parts["minutes"] or 0))
    return timezone(-offset if parts["sign"] == "-" else offset)
