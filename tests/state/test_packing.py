"""What is packed comes out as it was, whatever the names and however large the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.state.packing import PackingError, pack, unpack

COUNTS = st.tuples(
    *([st.integers(0, 2**62)] * 3), st.one_of(st.integers(0, 2**63), st.integers(0, 2**120))
).map(list)
MAPS = st.dictionaries(st.text(), COUNTS, max_size=30)


def test_an_example_comes_out_in_its_order():
    cells = {"cn-open/zh": [2, 300, 40, 57800], "unknown/und/x\ny": [1, 1, 0, 1]}
    found = unpack(pack(cells, {}, {"b": [1, 2, 3, 4]}))
    assert found == [cells, {}, {"b": [1, 2, 3, 4]}]
    assert list(found[0]) == list(cells)


def test_sums_of_squares_beyond_64_bits_are_exact():
    large = {"a": [10, 10**10, 0, 10 * 10**18], "b": [1, 1, 1, 2**63 - 1]}
    assert unpack(pack(large)) == [large]


@given(st.lists(MAPS, max_size=4))
def test_what_is_packed_comes_out_as_it_was(maps):
    assert unpack(pack(*maps)) == maps


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_and_crash_nothing(junk):
    with pytest.raises(PackingError):
        unpack(junk)


@given(MAPS, st.data())
def test_cut_bytes_are_refused(counts, data):
    packed = pack(counts)
    with pytest.raises(PackingError):
        unpack(packed[: data.draw(st.integers(0, len(packed) - 1))])


def test_a_busy_pane_takes_a_quarter_of_its_json():
    import msgspec

    counts = {
        f"vendor-{n % 20}/m-{n}": [
            n * 7919 % 900 + 1,
            n * 104729 % 900_000,
            n * 31 % 9000,
            n**5,
        ]
        for n in range(300)
    }
    assert len(pack(counts)) * 4 < len(msgspec.json.encode(counts))
