"""Define what is counted under a key: a list of sums, one for each column.

The first four columns are always there. Those after them are counted only where a gateway reports
them, so a list ends with the last one that it needs: a missing column is zero. All columns are
sums, so lists add up and subtract column by column, in any order.

A column is stored with its name. One that a later version added is carried on by its name and place
in the list, though this version knows nothing of its meaning.
"""

from __future__ import annotations

from itertools import zip_longest
from operator import add
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: A list because a pane adds to it in place, hundreds of times a batch.
Counts = list[int]

_Key = TypeVar("_Key", str, int)

REQUESTS: Final = 0
PROMPT: Final = 1
COMPLETION: Final = 2
#: Sum of squared tokens, for standard errors.
SQUARES: Final = 3
#: Columns that every list has.
CORE: Final = 4

#: Prompt tokens that were read from a cache.
CACHED: Final = 4
#: Tokens of the requests that state their cache reads.
CACHE_STATED: Final = 5
#: Completion tokens that were reasoning.
REASONING: Final = 6
#: Price in nano-dollars, estimates included.
COST: Final = 7
#: Requests, and tokens, that have a price.
PRICED: Final = 8
PRICED_TOKENS: Final = 9
#: Sum of squared prices, in micro-dollars.
COST_SQUARES: Final = 10
NANO_IN_MICRO: Final = 1000
#: The part of the price, and the tokens, that were estimated from a list of prices.
ESTIMATED: Final = 11
ESTIMATED_TOKENS: Final = 12
#: Tokens that a version counted which did not know of cache reads and prices.
UNMEASURED: Final = 13

#: The columns by number. Names that a later version stored are appended while the process runs.
COLUMNS: list[str] = [
    *("requests", "prompt", "completion", "squares", "cached", "cache_stated", "reasoning"),
    *("cost", "priced", "priced_tokens", "cost_squares", "estimated", "estimated_tokens"),
    "unmeasured",
]
#: Columns that this version knows.
KNOWN: Final = len(COLUMNS)


def none() -> Counts:
    """Return the counts of nothing."""
    return [0, 0, 0, 0]


def column(name: str) -> int:
    """Return the number of a column; a name that is new gets the next one."""
    if name not in COLUMNS:
        COLUMNS.append(name)
    return COLUMNS.index(name)


def at(counts: Counts, number: int) -> int:
    """Return the sum in a column."""
    return counts[number] if number < len(counts) else 0


def tokens_of(counts: Counts) -> int:
    """Return the tokens of counts, prompt and completion."""
    return counts[PROMPT] + counts[COMPLETION]


def add_counts(into: dict[_Key, Counts], key: _Key, counts: Counts) -> None:
    """Add counts to those of a key; the key gets counts of its own."""
    mine = into.get(key)
    if mine is None:
        into[key] = counts.copy()
    else:
        mine[0] += counts[0]
        mine[1] += counts[1]
        mine[2] += counts[2]
        mine[3] += counts[3]
        if len(counts) > CORE:
            _add_rest(mine, counts)


def plus(one: Counts, other: Counts) -> Counts:
    """Return the sum of two counts, as a list of its own."""
    if len(one) == len(other):
        return list(map(add, one, other))
    return added_up((one, other))


def _add_rest(mine: Counts, counts: Counts) -> None:
    mine.extend([0] * (len(counts) - len(mine)))
    for number in range(CORE, len(counts)):
        mine[number] += counts[number]


def add_all(into: dict[str, Counts], other: Mapping[str, Counts]) -> None:
    """Add the counts of every key."""
    for key, counts in other.items():
        add_counts(into, key, counts)


def added_up(counts: Iterable[Counts]) -> Counts:
    """Return the sum of counts."""
    # Column by column, in C: a snapshot adds up thousands of models.
    return list(map(sum, zip_longest(*counts, fillvalue=0))) or none()


def minus(whole: Counts, part: Counts) -> Counts:
    """Return what is left of counts without a part of them."""
    left = whole + [0] * (len(part) - len(whole))
    for number, count in enumerate(part):
        left[number] -= count
    while len(left) > CORE and not left[-1]:
        left.pop()
    return left


def subtract_all(into: dict[str, Counts], other: Mapping[str, Counts]) -> None:
    """Subtract the counts of every key; keys that reach zero are removed."""
    for key, counts in other.items():
        mine = into[key] = minus(into.get(key) or none(), counts)
        if not any(mine):
            del into[key]
