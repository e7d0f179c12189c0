"""The counts of a report, and what share they are of others by a measure.

What is not known is None and never zero. Sums and shares are of what is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from streams.shares.measures import DOLLAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.shares.measures import Measure


class Sums(NamedTuple):
    """Counts, in the order of a history's lists; cost is in nano-dollars."""

    tokens: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncached_tokens: int | None = None
    cost: int | None = None

    @classmethod
    def of(cls, counts: Sequence[Any]) -> Sums:
        """Return the counts of a history's list, whose cost is in dollars.

        A worker of before prices has four counts: the others are not known.
        """
        tokens, requests, prompt, completion, *more = counts[: len(cls._fields)]
        uncached, cost = (*more, None, None)[:2]
        return cls(
            tokens, requests, prompt, completion, uncached, None if cost is None else _nano(cost)
        )

    def plus(self, more: Sums) -> Sums:
        """Return the sum of both."""
        return Sums(
            self.tokens + more.tokens,
            self.requests + more.requests,
            self.prompt_tokens + more.prompt_tokens,
            self.completion_tokens + more.completion_tokens,
            _plus(self.uncached_tokens, more.uncached_tokens),
            _plus(self.cost, more.cost),
        )

    def value(self, measure: Measure) -> int | None:
        """Return what the counts are by a measure; None where it is not known."""
        if measure == "output_tokens":
            return self.completion_tokens
        value: int | None = getattr(self, measure)
        return value

    def share(self, measure: Measure, whole: Sums) -> float | None:
        """Return the share of a whole, 0 to 1; None where it is not known.

        Without a single request it is zero, by any measure that the whole has.
        """
        value, of = self.value(measure), whole.value(measure)
        if not of:
            return None
        if value is None:
            return None if self.requests else 0.0
        return value / of

    @property
    def dollars(self) -> float | None:
        """The cost in US dollars."""
        return None if self.cost is None else self.cost / DOLLAR

    def body(self) -> dict[str, float | None]:
        """Return the counts by name; the cost is in US dollars."""
        return self._asdict() | {"cost": self.dollars}


def total(sums: Iterable[Sums]) -> Sums:
    """Return the sum of counts."""
    whole = Sums()
    for each in sums:
        whole = whole.plus(each)
    return whole


def _plus(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _nano(dollars: float) -> int:
    return round(dollars * DOLLAR)


class Covered(NamedTuple):
    """Parts of the tokens, 0 to 1: priced, priced by an estimate, and with cache reads counted.

    None where a worker does not say so.
    """

    priced: float | None = None
    estimated: float | None = None
    measured: float | None = None
