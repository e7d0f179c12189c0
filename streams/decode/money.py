"""Read a price in US dollars as whole nano-dollars, so that sums are exact."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

#: Nano-dollars in a dollar. The cheapest price of today is some 10 nano-dollars a token.
NANO = 1_000_000_000

#: A request that costs more is a mistake: no context is worth a million dollars.
MAX_DOLLARS = 1_000_000

#: Longer texts are no prices.
MAX_CHARACTERS = 80

#: A plain decimal number, with or without an exponent: what JSON has, and texts of databases.
_NUMBER = re.compile(r"\+?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")


def nano_dollars(cost: object) -> int | None:
    """Return a price in dollars as nano-dollars, rounded half to even; None where it is none.

    A number or the text of one. Negative, not finite and absurd prices are not known, and neither
    is any other type.
    """
    dollars = decimal_of(cost)
    if dollars is None or dollars > MAX_DOLLARS:
        return None
    return int((dollars * NANO).to_integral_value(ROUND_HALF_EVEN))


def is_zero(cost: object) -> bool:
    """Return whether a price is one of nothing."""
    # Most are numbers, and not zero.
    return cost == 0 if type(cost) in {float, int} else nano_dollars(cost) == 0


def dollars(cost: object) -> float | None:
    """Return a price in dollars as the number that is read as the same nano-dollars, else None."""
    nano = nano_dollars(cost)
    return None if nano is None else nano / NANO


def decimal_of(number: object) -> Decimal | None:
    """Return exactly the decimal number that was written, None where it is negative or none."""
    kind = type(number)
    if kind is float or kind is int or kind is Decimal:
        # The shortest text of a double is the decimal number that was written.
        text = repr(number) if kind is float else str(number)
    elif kind is str:
        text = number.strip()  # type: ignore[attr-defined]
    else:
        return None
    if len(text) > MAX_CHARACTERS or not _NUMBER.fullmatch(text):
        return None
    return Decimal(text)


def times_ten_to(power: int, number: object) -> str | None:
    """Return a price that is written in another unit, in dollars: cents are times ten to -2."""
    found = decimal_of(number)
    return None if found is None else _text(found.scaleb(power))


def sum_of(*costs: object) -> str | None:
    """Return the exact sum of prices, of which none may be missing; None where one is no price."""
    found = [decimal_of(each) for each in costs]
    known = [each for each in found if each is not None and each <= MAX_DOLLARS]
    return _text(sum(known, Decimal())) if known and len(known) == len(found) else None


def _text(price: Decimal) -> str | None:
    text = str(price)
    return text if len(text) <= MAX_CHARACTERS else None
