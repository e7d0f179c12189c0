"""What moved a share adds up to the shift, whatever moved."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.shifts.attribution import Part, attribute, expected_members


def part(total: float, **members: float) -> Part:
    return Part(members, sum(members.values()), total)


def test_a_shift_is_split_by_who_made_it():
    # before: a 10, b 20, gone 5 of 100 = 35 %; now: a 60, b 40, new 20 of 200 = 60 %.
    # a: 30 % - 10 % = +20; b: 20 % - 20 % = 0; new: +10; gone: -5. Together +25.
    found = attribute(part(200, a=60, b=40, new=20), part(100, a=10, b=20, gone=5))

    assert found.shift == pytest.approx(0.25)
    assert [(each.name, each.kind) for each in found.movers] == [
        ("a", "mix"),
        ("new", "new"),
        ("gone", "gone"),
        ("b", "mix"),
    ]
    assert [each.contribution for each in found.movers] == pytest.approx([0.2, 0.1, -0.05, 0])
    assert (found.movers[0].share, found.movers[0].before) == (0.3, 0.1)
    assert (found.mix, found.arrival) == (pytest.approx(0.2), pytest.approx(0.05))


def test_a_key_falls_where_all_else_grows():
    found = attribute(part(200, a=10, b=10), part(100, a=10, b=10))

    assert [each.contribution for each in found.movers] == pytest.approx([-0.05, -0.05])
    assert found.arrival == 0


def test_those_that_are_not_named_are_reported_together():
    members = {f"m{place}": place for place in range(1, 8)}
    found = attribute(Part(members, 28, 100), Part({}, 0, 100), limit=2)

    assert [each.name for each in found.movers] == ["m7", "m6"]
    assert (found.rest_members, found.rest) == (5, pytest.approx(0.15))


def test_what_a_key_has_beyond_its_members_is_other():
    found = attribute(Part({"a": 10}, 15, 100), Part({"a": 10, "other": 2}, 20, 100))

    assert [(each.name, each.kind) for each in found.movers] == [("other", "mix"), ("a", "mix")]
    assert [each.contribution for each in found.movers] == pytest.approx([0.05 - 0.10, 0.0])


def test_what_rounding_leaves_is_nobody():
    # 0.1 + 0.2 is more than 0.3, which is what is expected of the key: no one is left over.
    found = attribute(Part({"a": 1, "b": 1}, 2, 10), Part({"a": 0.1, "b": 0.2}, 0.3, 1))

    assert [each.name for each in found.movers] == ["b", "a"]
    assert found.shift == pytest.approx(-0.1, abs=1e-12)
    assert found.rest_members == 0


@pytest.mark.parametrize("totals", [(0, 10), (10, 0)])
def test_a_share_of_nothing_has_not_moved(totals):
    now, before = totals

    with pytest.raises(ValueError, match="both totals must be positive"):
        attribute(part(now), part(before))


COUNTS = st.dictionaries(
    st.sampled_from([*"abcdefgh", "other"]),
    st.one_of(st.integers(0, 10**15), st.floats(0, 1e12, allow_nan=False)),
)


@given(COUNTS, COUNTS, st.integers(1, 10**16), st.integers(1, 10**16), st.integers(0, 10))
def test_contributions_add_up_to_the_shift_exactly_in_any_order(now, before, more, rest, most):
    parts = (
        Part(now, sum(now.values()), sum(now.values()) + more),
        Part(before, sum(before.values()), sum(before.values()) + rest),
    )
    found = attribute(*parts, most)

    contributions = [each.contribution for each in found.movers] + [found.rest]
    for order in itertools.islice(itertools.permutations(contributions), 24):
        assert sum(order) == found.shift
    assert found.mix + found.arrival == found.shift
    exact = Fraction(parts[0].whole) / Fraction(parts[0].total) - Fraction(
        parts[1].whole
    ) / Fraction(parts[1].total)
    assert abs(Fraction(found.shift) - exact) <= Fraction(1, 2**40)
    assert len(found.movers) + found.rest_members <= len({*now, *before, "other"})
    sizes = [abs(each.contribution) for each in found.movers]
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_expected_of_members_adds_up_to_what_is_expected_of_their_key():
    # Nine days of members (3, 1) of 10; the last 23 hours have (6, 0) of 10.
    counts = np.tile([3.0, 1.0], (9 * 24, 1))
    counts[-23:] = [6.0, 0.0]
    totals = np.full(9 * 24, 10.0)
    expected = expected_members(counts, totals, counts[-24:], totals[-24:])

    assert expected.tolist() == pytest.approx([72.0, 24.0])
    found = attribute(
        Part(dict(zip("ab", counts[-24:].sum(axis=0), strict=True)), 142, 240),
        Part(dict(zip("ab", expected, strict=True)), expected.sum(), 240),
    )
    assert [(each.name, each.contribution) for each in found.movers] == [
        ("a", pytest.approx((141 - 72) / 240)),
        ("b", pytest.approx((1 - 24) / 240)),
    ]


def test_hours_that_nothing_is_expected_of_are_as_expected():
    counts = np.zeros((9 * 24, 1))
    counts[-2:] = 3.0
    totals = np.zeros(9 * 24)
    totals[-2:] = 10.0

    window = counts[-24:] / 2
    assert expected_members(counts, totals, window, totals[-24:]).tolist() == [3.0]
