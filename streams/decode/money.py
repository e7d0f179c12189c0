"""Read a price in US dollars as whole nano-dollars, so that sums are exact."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

#: Nano-dollars in a dollar. The cheapest price of today is some 10 nano-dollars a token.
NANO = 1_000_000_000

#: A request that costs more is a mistake: no context is worth a million dollars.
MAX_DOLLARS = 1_000_000

#: A plain decimal number, with or without an exponent: what JSON has, and texts of databases.
_NUMBER = re.compile(r"\+?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")


def nano_dollars(cost: object) -> int | None:
    """Return a price in dollars as nano-dollars, rounded half to even; None where it is none.

    A number or the text of one. Negative, not finite and absurd prices are not known, and neither
    is any other type.
    """
    kind = type(cost)
    if kind is float or kind is int or kind is Decimal:
        # The shortest text of a double is the decimal number that was written.
        text = repr(cost) if kind is float else str(cost)
    elif kind is str:
        text = cost.strip()  # type: ignore[attr-defined]
    else:
        return None
    if len(text) > 80 or not _NUMBER.fullmatch(text):
        return None
    dollars = Decimal(text)
    if dollars > MAX_DOLLARS:
        return None
    return int((dollars * NANO).to_integral_value(ROUND_HALF_EVEN))
