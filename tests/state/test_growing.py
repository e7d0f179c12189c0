"""A pane as columns counts, folds and is written like one of dictionaries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.state import pane as bounds
from streams.state.codec import decode_pane, encode_pane, encode_table
from streams.state.growing import GrowingPane
from streams.state.packing import table_of_maps
from streams.state.pane import Pane
from streams.state.seal import NO_PART

MAPS = ("cells", "models", "tenants")

numbers = st.integers(0, 50) | st.sampled_from([2**61, 2**62, 2**70])
sums = st.lists(numbers, min_size=3, max_size=3) | st.lists(numbers, min_size=8, max_size=12)
counts = st.builds(lambda requests, rest: [requests, *rest], st.integers(0, 50), sums)


def maps_of(*names):
    return st.dictionaries(st.sampled_from(names), counts, max_size=4)


cells = maps_of("cn-open/zh", "cn-open/en", "row-open/en", "unknown/en/a", "unknown/en/b")
models = maps_of("qwen3\tdeepinfra", "qwen3", "gpt-4o\topenai")
tenants = maps_of("a/o/cn-open", "a/l/zh", "b/o/row-open", "b/l/en", "other/o/unknown")
additions = st.lists(st.tuples(cells, models, tenants), min_size=1, max_size=5)


def trimmed(counted):
    """Return maps without the zeros at the ends of their counts."""
    return [
        {key: [*each, *[0] * (14 - len(each))] for key, each in part.items()} for part in counted
    ]


def contents(pane):
    return trimmed([pane.cells, pane.models, pane.tenants])


@given(additions)
def test_what_is_added_is_in_it_and_in_its_record(added):
    expected = Pane(stamp=7)
    growing = None
    for each in added:
        expected.add(Pane(*each))
        table = table_of_maps(*each)
        if growing is None:
            growing = GrowingPane(table, 7)
        else:
            growing.add(table)

    assert contents(growing.pane()) == contents(expected)
    value = encode_table(growing.table(), growing.stamp, 1, 0, NO_PART)
    read = decode_pane(value)
    assert contents(read) == contents(expected)
    assert read.stamp == 7


@pytest.mark.parametrize("kind", MAPS)
def test_names_over_the_bounds_are_folded_as_those_of_a_pane(kind, monkeypatch):
    monkeypatch.setattr(bounds, "MAX_PAIRS", 8)
    keys = {"cells": "unknown/en/m{}", "models": "m{}", "tenants": "t{}/o/unknown"}[kind]
    pane, growing = Pane(), GrowingPane(table_of_maps({}, {}, {}))
    for part in range(4):
        more = {keys.format(n): [1, n + 1, 1, 1] for n in range(part * 50, part * 50 + 50)}
        of_cells, of_models, of_tenants = ({} if each != kind else more for each in MAPS)
        pane.add(Pane(of_cells, of_models, of_tenants))
        growing.add(table_of_maps(of_cells, of_models, of_tenants))
        pane.trim()
        growing.trim()
        assert contents(growing.pane()) == contents(pane)

    assert len(getattr(pane, kind)) < 200


def test_the_requests_of_a_record_are_those_of_its_pane():
    of_tenants = Pane({}, {}, {"a/o/cn-open": [3, 1, 1, 1], "a/l/zh": [3, 1, 1, 1]})
    for pane, requests in ((of_tenants, 3), (Pane({"cn-open/zh": [5, 1, 1, 1]}, {}, {}), 5)):
        assert pane.requests == requests
        growing = GrowingPane.of(pane)
        assert encode_table(growing.table(), -1, 1, 0, NO_PART) == encode_pane(pane, 1)
