"""Rows are added up by key exactly, whether by compiled code or by sorting."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.counting import grouped as module
from streams.counting.grouped import Grouped, grouped, joined, parts_by_first

NOW = 1_800_000_000

keys = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
rows = st.lists(st.tuples(keys, keys, st.integers(0, 2**40), st.integers(0, 5)), max_size=60)


def arrays(found):
    columns = np.array(found, dtype=np.int64).reshape(-1, 4).T.copy()
    return columns[0], columns[1], dict(enumerate(columns[2:]))


def sums(found):
    return {
        (first, second): values
        for first, second, *values in zip(
            found.first.tolist(),
            found.second.tolist(),
            *(each.tolist() for each in found.values.values()),
            strict=True,
        )
    }


def one_by_one(found):
    added: dict[tuple[int, int], list[int]] = {}
    for first, second, *values in found:
        mine = added.setdefault((first, second), [0] * len(values))
        mine[:] = [a + b for a, b in zip(mine, values, strict=True)]
    return added


@pytest.fixture(params=["compiled", "sorting"])
def way(request, monkeypatch):
    if request.param == "sorting":
        monkeypatch.setattr(module, "compiled", None)
    elif module.compiled is None:
        pytest.skip("streams.counting.group is not built")


@pytest.mark.usefixtures("way")
def test_rows_with_equal_keys_become_one():
    @given(rows)
    def law(found):
        assert sums(grouped(*arrays(found))) == one_by_one(found)

    law()


@pytest.mark.usefixtures("way")
def test_more_groups_than_the_first_table_holds_are_all_found():
    numbers = np.arange(50_000, dtype=np.int64)

    found = grouped(numbers % 7, np.concatenate([numbers[:25_000]] * 2), {0: numbers})

    assert sum(each for (each,) in sums(found).values()) == numbers.sum()
    assert len(found) == len({*zip(numbers % 7, [*range(25_000)] * 2, strict=True)})


@pytest.mark.usefixtures("way")
def test_pythons_integers_have_no_bound():
    zeros = np.zeros(2, dtype=np.int64)
    large = np.array([2**63, 2**63], dtype=object)

    assert sums(grouped(zeros, zeros, {0: large})) == {(0, 0): [2**64]}


def test_columns_of_different_lengths_are_refused():
    if module.compiled is None:
        pytest.skip("streams.counting.group is not built")
    two, three = np.zeros(2, dtype=np.int64), np.zeros(3, dtype=np.int64)

    for keys_and_columns in ((two, three, []), (two, two, [three]), (two, two, [two[:1]])):
        with pytest.raises(ValueError, match="lengths"):
            module.compiled(*keys_and_columns)


def test_parts_without_a_column_have_zeros_in_it():
    one = np.ones(1, dtype=np.int64)

    whole = joined([Grouped(one, one, {0: one}), Grouped(one, one, {0: one, 5: one})])

    assert whole.values[5].tolist() == [0, 1]


def test_rows_are_parted_by_their_first_key_and_equal_names_added():
    first, second = np.array([5, 3, 5]), np.array([1, 2, 3])
    ones = {number: np.ones(3, dtype=np.int64) for number in range(4)}

    found = parts_by_first(Grouped(first, second, ones), lambda numbers: ["m"] * len(numbers))

    assert [(start, named.counts()) for start, named in found] == [
        (3, {"m": [1, 1, 1, 1]}),
        (5, {"m": [2, 2, 2, 2]}),
    ]


def test_no_keys_that_a_sender_can_choose_make_the_table_slow():
    """Keys that fall on one place for known multipliers: those of a table without random ones."""
    if module.compiled is None:
        pytest.skip("streams.counting.group is not built")
    first = NOW << 3
    pairs, providers = np.mgrid[0:8192:1, 1:4096:1].astype(np.uint64)
    second = (pairs << np.uint64(24)) | providers
    mixed = np.uint64(first * 0x9E3779B97F4A7C15 % 2**64) ^ second
    mixed ^= mixed >> np.uint64(32)
    chosen = second[(mixed * np.uint64(0xD6E8FEB86659FD93)) >> np.uint64(54) == 0][:20_000]

    assert seconds_to_add_up(first, chosen.astype(np.int64)) < 50 * seconds_to_add_up(
        first, np.arange(len(chosen), dtype=np.int64)
    )


def seconds_to_add_up(first, second):
    firsts = np.full(len(second), first, dtype=np.int64)
    began = time.thread_time()
    found, _, _ = module.compiled(firsts, second, [])
    assert len(found) == len(second)
    return time.thread_time() - began
