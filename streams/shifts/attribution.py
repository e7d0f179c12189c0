"""Attribute a shift: the part of a key's shift that each of its models or tenants contributes.

A key's share is the sum of its members' counts, divided by the total of all keys. So the shift is
the sum of the changes of its members' parts, with no remainder.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from streams.classify.keys import OTHER
from streams.shifts.baseline import expected_shares

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.shifts.series import Array

#: Why a member weighs more or less: it was there before and is there now, or only one of the two.
Kind = Literal["mix", "new", "gone"]

#: Contributions are multiples of this. Floats hold such numbers and their sums exactly, so they add
#: up to the shift in whatever order a reader adds them.
GRID = 2**40
#: Differences from adding up floats in another order are far below this fraction of them.
ROUNDING = Fraction(1, GRID)


class Part(NamedTuple):
    """The counts of a key's members in one period, and the `total` of all keys.

    `whole` is the key's own count. Its remainder beyond the named members goes to `other`, unless
    it is less than `ROUNDING` of it. Numbers are whole, or floats where they are expected counts.
    """

    members: Mapping[str, float]
    whole: float
    total: float


@dataclass(frozen=True, slots=True)
class Mover:
    """A member's part of a shift. `share` and `before` are its fractions of the total, 0-1."""

    name: str
    contribution: float
    share: float
    before: float
    kind: Kind


@dataclass(frozen=True, slots=True)
class Attribution:
    """A shift by its members, largest contribution first; exactly `sum(movers) + rest == shift`.

    `rest` is the contribution of `rest_members` more members. `mix` and `arrival` split the same
    shift: members that were there in both periods, and members that came or went.
    """

    shift: float
    movers: tuple[Mover, ...]
    rest: float
    rest_members: int
    mix: float
    arrival: float


def attribute(now: Part, before: Part, limit: int = 5) -> Attribution:
    """Return what moved a key's share from `before` to `now`, the `limit` largest by name.

    Raises ValueError where one of the totals is not positive: there is no share then.
    """
    if now.total <= 0 or before.total <= 0:
        raise ValueError("a share of nothing has not moved: both totals must be positive")
    shares, expected = _shares(now), _shares(before)
    names = sorted(shares.keys() | expected.keys())
    exact = [shares.get(name, Fraction(0)) - expected.get(name, Fraction(0)) for name in names]
    movers = [
        Mover(
            name,
            contribution / GRID,
            float(shares.get(name, 0)),
            float(expected.get(name, 0)),
            _kind(name, shares, expected),
        )
        for name, contribution in zip(names, _on_grid(exact), strict=True)
    ]
    movers.sort(key=lambda each: (-abs(each.contribution), each.name))
    shift = sum(each.contribution for each in movers)
    mix = sum(each.contribution for each in movers if each.kind == "mix")
    return Attribution(
        shift=shift,
        movers=tuple(movers[:limit]),
        rest=sum(each.contribution for each in movers[limit:]),
        rest_members=len(movers[limit:]),
        mix=mix,
        arrival=shift - mix,
    )


def _shares(part: Part) -> dict[str, Fraction]:
    """Return each member's fraction of the total, exactly; none of them is zero."""
    counts = {name: Fraction(count) for name, count in part.members.items()}
    whole = Fraction(part.whole)
    unnamed = whole - sum(counts.values())
    # The rounding remainder has no member of its own and must not be lost: it goes to the largest
    # one.
    is_rounding = counts and abs(unnamed) < ROUNDING * whole
    name = max(counts, key=counts.__getitem__) if is_rounding else OTHER
    counts[name] = counts.get(name, Fraction(0)) + unnamed
    total = Fraction(part.total)
    return {name: count / total for name, count in counts.items() if count}


def _kind(name: str, shares: Mapping[str, Fraction], expected: Mapping[str, Fraction]) -> Kind:
    if name == OTHER or (name in shares and name in expected):
        return "mix"
    return "new" if name in shares else "gone"


def _on_grid(exact: list[Fraction]) -> list[int]:
    """Return the fractions in units of 1/GRID; the remainder goes to the largest remainders.

    Their sum is that of the fractions, rounded down.
    """
    units = [fraction * GRID // 1 for fraction in exact]
    remainders = [fraction * GRID - unit for fraction, unit in zip(exact, units, strict=True)]
    order = sorted(range(len(exact)), key=lambda place: (-remainders[place], place))
    for place in order[: int(sum(remainders))]:
        units[place] += 1
    return units


def expected_members(counts: Array, totals: Array, window: Array, weights: Array) -> Array:
    """Return the expected count of each member [members] in a window of the last hours.

    `counts` [hours, members] and `totals` [hours] reach back at least `BASELINE_HOURS` before the
    window. `window` [hours, members] and `weights` [hours] are the window's own counts by hour;
    its last hour is the last row. An hour that was empty on all seven days before is expected to
    have the counts it had.
    """
    expected = expected_shares(counts, totals)[-len(weights) :]
    found: Array = np.where(np.isnan(expected), window, expected * weights[:, None]).sum(axis=0)
    return found
