"""The price of a model at a provider: steps, each with its conditions and its rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

#: Rates are in pico-dollars per token, which a dollar per million tokens is a million of.
PICO_PER_DOLLAR_PER_MILLION: Final = 1_000_000
#: The rate of what the list has no price for.
NO_RATE: Final = -1
DAY_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class When:
    """Since when (unix seconds) and at what seconds of the day (UTC) a step holds.

    `closes` below `opens` passes midnight.
    """

    since: float = -math.inf
    opens: float = 0.0
    closes: float = DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Step:
    """Rates, and the conditions under which they are the price of all tokens of a request.

    It holds for requests with more than `above` prompt tokens.
    """

    when: When
    above: int
    input: int = NO_RATE
    cached: int = NO_RATE
    output: int = NO_RATE


@dataclass(frozen=True, slots=True)
class Price:
    """The steps of a price: of those that hold, the last one counts."""

    steps: tuple[Step, ...]
