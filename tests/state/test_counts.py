"""Counts as lists of named columns: they add up and are stored, whatever columns they have."""

import cramjam
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.state import packing
from streams.state.counts import (
    COLUMNS,
    COST,
    KNOWN,
    PRICED,
    UNMEASURED,
    add_counts,
    added_up,
    at,
    column,
    minus,
    subtract_all,
)
from streams.state.packing import pack, unpack

NUMBERS = st.integers(0, 2**70)
COUNTS = st.lists(NUMBERS, min_size=4, max_size=KNOWN)
MAPS = st.dictionaries(st.text(max_size=8), COUNTS, max_size=6)


def padded(counts):
    return counts + [0] * (KNOWN - len(counts))


def test_a_missing_column_is_zero():
    assert at([1, 2, 3, 4], COST) == 0
    assert added_up([[1, 2, 3, 4], [1, 0, 0, 0, 5]]) == [2, 2, 3, 4, 5]
    assert minus([3, 3, 3, 3], [1, 1, 1, 1]) == [2, 2, 2, 2]


def test_counts_of_a_key_are_its_own():
    one = [1, 2, 3, 4]
    into = {}
    add_counts(into, "a", one)
    add_counts(into, "a", [1, 1, 1, 1, 0, 0, 0, 9])
    assert into["a"] == [2, 3, 4, 5, 0, 0, 0, 9]
    assert one == [1, 2, 3, 4]


@given(COUNTS, COUNTS)
def test_what_is_added_can_be_subtracted(one, other):
    whole = added_up([one, other])
    assert padded(minus(whole, other)) == padded(one)
    into = {"a": whole}
    subtract_all(into, {"a": whole})
    assert not into


@given(MAPS, MAPS)
def test_maps_are_unpacked_as_they_were_packed(one, other):
    found = unpack(pack(one, other))
    assert [{key: padded(each) for key, each in of.items()} for of in found] == [
        {key: padded(each) for key, each in of.items()} for of in (one, other)
    ]


def test_columns_that_are_not_used_take_no_bytes():
    plain = {f"k{n}": [n, n * 31, n * 17, n * 1000] for n in range(300)}
    assert len(pack({key: [*each, *[0] * 10] for key, each in plain.items()})) == len(pack(plain))


def test_prices_of_all_requests_take_hardly_more_bytes_than_prices():
    whole = {f"k{n}": [n, 5 * n, n, n, 0, 0, 0, 77 * n] for n in range(1, 300)}
    priced = {key: [*each, each[0], each[1] + each[2]] for key, each in whole.items()}
    assert len(pack(priced)) < len(pack(whole)) + 60


def test_counts_of_the_version_before_are_read():
    # Four columns without names, and a fifth for the high bits of the squares.
    names = [["a", "b"], []]
    table = np.array([[1, 2], [3, 4], [5, 6], [7, 8], [0, 1]], dtype="<i8")
    planes = table.view("u1").reshape(5, 2, 8).transpose(0, 2, 1).tobytes()
    old = cramjam.zstd.compress(packing._encode([names, planes]))
    assert unpack(bytes(old)) == [{"a": [1, 3, 5, 7], "b": [2, 4, 6, 8 + 2**62]}, {}]


@pytest.fixture
def later():
    before = list(COLUMNS)
    yield column("carbon_grams")
    COLUMNS[:] = before


def test_a_count_of_a_later_version_is_carried_on(later):
    stored = pack({"a": [*[1] * 4, *[0] * (later - 4), 12]})
    COLUMNS.remove("carbon_grams")  # a process that does not know of it
    (found,) = unpack(stored)
    assert found["a"][column("carbon_grams")] == 12
    add_counts(found, "a", [1, 1, 1, 1])
    assert unpack(pack(found))[0]["a"][column("carbon_grams")] == 12


def test_names_of_columns_do_not_change():
    # They are stored: a column is added at the end, and never renamed.
    assert [
        *("requests", "prompt", "completion", "squares", "cached", "cache_stated", "reasoning"),
        *("cost", "priced", "priced_tokens", "cost_squares", "estimated", "estimated_tokens"),
        "unmeasured",
    ] == COLUMNS
    assert (PRICED, UNMEASURED) == (8, 13)
