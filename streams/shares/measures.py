"""Define the measures of traffic: what a share is a share of.

Tokens and requests are always known. Cache reads are not where a version counted that did not know
of them, and a price is known only of the requests that state one: what is not known is None, and
never zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from streams.state.counts import (
    CACHED,
    COMPLETION,
    COST,
    ESTIMATED_TOKENS,
    PRICED,
    PRICED_TOKENS,
    REQUESTS,
    UNMEASURED,
    at,
    tokens_of,
)

if TYPE_CHECKING:
    from streams.state.counts import Counts

#: `uncached_tokens` are all tokens but cache reads; `cost` is in nano-dollars.
Measure = Literal["tokens", "requests", "output_tokens", "uncached_tokens", "cost"]
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)

#: The unit of each measure, in words.
MEASURE_NAMES: Final[dict[Measure, str]] = {
    "tokens": "tokens",
    "requests": "requests",
    "output_tokens": "output tokens",
    "uncached_tokens": "uncached tokens",
    "cost": "cost",
}

#: Nano-dollars in a dollar.
DOLLAR: Final = 1_000_000_000


def value_of(measure: Measure, counts: Counts) -> int | None:
    """Return what counts are by a measure; None where it is not known."""
    if measure == "tokens":
        return tokens_of(counts)
    if measure == "requests":
        return counts[REQUESTS]
    if measure == "output_tokens":
        return counts[COMPLETION]
    if measure == "cost":
        return at(counts, COST) if at(counts, PRICED) else None
    measured = tokens_of(counts) - at(counts, UNMEASURED)
    return measured - at(counts, CACHED) if measured or not tokens_of(counts) else None


def dollars_of(counts: Counts) -> float | None:
    """Return the cost in US dollars; None where it is not known."""
    nano = value_of("cost", counts)
    return None if nano is None else nano / DOLLAR


def ratio_of(measure: Measure, part: Counts, whole: Counts) -> float | None:
    """Return a part's share of a whole, 0 to 1; None where it is not known, or nothing to divide.

    A part without a single request has a share of zero, by any measure that the whole has.
    """
    value, of = value_of(measure, part), value_of(measure, whole)
    if not of:
        return None
    if value is None:
        return None if part[REQUESTS] else 0.0
    return value / of


def priced_ratio(counts: Counts) -> float | None:
    """Return what part of the tokens has a price, stated or estimated; None without tokens."""
    return _part(at(counts, PRICED_TOKENS), counts)


def estimated_ratio(counts: Counts) -> float | None:
    """Return what part of the tokens has an estimated price; None without tokens."""
    return _part(at(counts, ESTIMATED_TOKENS), counts)


def measured_ratio(counts: Counts) -> float | None:
    """Return for what part of the tokens cache reads would have been counted; None without any."""
    return _part(tokens_of(counts) - at(counts, UNMEASURED), counts)


def _part(tokens: int, counts: Counts) -> float | None:
    whole = tokens_of(counts)
    return tokens / whole if whole else None
