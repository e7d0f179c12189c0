"""Panes add up."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.classify.keys import cell_key, split_cell
from streams.classify.origin.values import ORIGINS
from streams.counting.partition import Partition
from streams.state.codec import PaneKey, decode_pane, encode_pane
from streams.state.counts import subtract_all
from streams.state.growing import GrowingPane
from streams.state.pane import (
    ALL_LEVELS,
    CROWDED_KEYS,
    DAY,
    FINE,
    HOUR,
    LEVELS,
    MAX_LANGUAGES,
    MAX_PAIRS,
    MAX_STATE_BYTES,
    MAX_TENANTS,
    MAX_UNKNOWN_MODELS,
    Pane,
    is_kept,
    pane_start,
)

NOW = 1_800_000_123.0

counts = st.lists(st.integers(0, 10**9), min_size=4, max_size=4).map(lambda c: [c[0] + 1, *c[1:]])
cells = st.dictionaries(
    st.sampled_from(["cn-open/en", "cn-open/zh-Hans", "unknown/en/prod", "row-open/ru"]), counts
)
panes = st.builds(lambda c, m, s: Pane(c, m, {}, s), cells, cells, st.integers(-1, 100))


def copy(pane: Pane) -> Pane:
    fresh = Pane()
    fresh.add(pane)
    return fresh


def whole(counted: dict[str, list[int]]) -> list[int]:
    return [sum(column) for column in zip(*counted.values(), strict=True)] or [0, 0, 0, 0]


@given(panes, panes)
def test_the_order_of_adding_does_not_matter(one, two):
    left, right = copy(one), copy(two)
    left.add(two)
    right.add(one)

    assert left == right


@given(panes, panes)
def test_what_is_subtracted_leaves_no_trace(one, two):
    both = copy(one)
    both.add(two)
    subtract_all(both.cells, two.cells)

    assert both.cells == one.cells


@given(panes)
def test_adding_does_not_share_counts(one):
    before = copy(one)
    other = Pane()
    other.add(one)
    other.add(one)

    assert one.cells == before.cells


def test_unknown_models_beyond_the_bound_are_counted_without_their_name():
    pane = Pane(
        {f"unknown/en/model-{n}": [1, n, 0, 0] for n in range(10 * MAX_UNKNOWN_MODELS)}
        | {"cn-open/en": [1, 5, 0, 0]}
    )
    before = whole(pane.cells)

    pane.trim()

    named = {split_cell(key)[2] for key in pane.cells} - {""}
    assert len(named) == MAX_UNKNOWN_MODELS
    assert f"model-{10 * MAX_UNKNOWN_MODELS - 1}" in named
    assert whole(pane.cells) == before
    assert pane.cells["cn-open/en"] == [1, 5, 0, 0]


def test_languages_models_and_tenants_are_bounded_and_nothing_leaves_the_sums():
    pane = Pane(
        {f"cn-open/l{n}": [1, n, 0, 0] for n in range(3 * MAX_LANGUAGES)},
        {f"m{n}": [1, n, 0, 0] for n in range(3 * MAX_PAIRS)},
        {f"t{n}/{axis}": [1, n, 0, 0] for n in range(3 * MAX_TENANTS) for axis in ("o/x", "l/y")},
    )
    before = [whole(each) for each in (pane.cells, pane.models, pane.tenants)]

    pane.trim()

    assert len(pane.cells) == MAX_LANGUAGES + 1
    assert len(pane.models) == MAX_PAIRS + 1
    assert len(pane.tenants) == 2 * (MAX_TENANTS + 1)
    assert [whole(each) for each in (pane.cells, pane.models, pane.tenants)] == before


def test_bounds_do_not_multiply():
    # Each model and each language is within its bound; their product is not.
    pane = Pane(
        {f"unknown/l{lang}/m{n}": [1, lang * n, 0, 0] for n in range(60) for lang in range(500)},
        {},
        {f"t{n}/l/l{lang}": [1, lang * n, 0, 0] for n in range(100) for lang in range(100)},
    )
    before = [whole(each) for each in (pane.cells, pane.tenants)]
    assert pane.is_crowded

    pane.trim()

    assert len(pane.cells) + len(pane.tenants) < CROWDED_KEYS / 2
    assert not pane.is_crowded
    assert [whole(each) for each in (pane.cells, pane.tenants)] == before


def test_a_model_name_may_hold_slashes():
    assert split_cell(cell_key("unknown", "zh-Hans", "a/b/c")) == ("unknown", "zh-Hans", "a/b/c")


@given(st.floats(946_684_800, 4e9))
def test_a_pane_holds_the_times_from_its_start_to_its_end(seconds):
    for level in LEVELS:
        start = pane_start(level, seconds)
        assert start % level.seconds == 0
        assert start <= seconds < start + level.seconds


def test_a_pane_is_kept_until_its_end_is_out_of_the_levels_reach():
    # newest - 70 min            newest
    #   (----------- kept ---------|
    newest = 10_000_000.0
    edge = pane_start(FINE, newest - FINE.keep_seconds)

    assert is_kept(FINE, edge + FINE.seconds, newest)
    assert not is_kept(FINE, edge - FINE.seconds, newest)
    assert is_kept(HOUR, edge, newest)
    assert is_kept(DAY, edge, newest)


KINDS = {
    "models": lambda r: Pane({}, {f"{r.getrandbits(900):x}"[:128]: big(r) for _ in range(1024)}),
    "models of emoji": lambda r: Pane(
        {},
        {"".join(chr(0x1F300 + r.randrange(700)) for _ in range(128)): big(r) for _ in range(999)},
    ),
    "unknown models": lambda r: Pane(
        {
            f"unknown/l{n}/{name}": big(r)
            for name in [f"{r.getrandbits(900):x}"[:128] for _ in range(2 * MAX_UNKNOWN_MODELS)]
            for n in range(32)
        }
    ),
    "languages": lambda r: Pane(
        {f"{origin}/l{n}": big(r) for n in range(2 * MAX_LANGUAGES) for origin in ORIGINS}
    ),
    "tenants": lambda r: Pane(
        tenants={
            f"{tenant}/{key}": big(r)
            for tenant in [f"{r.getrandbits(64):016x}" for _ in range(2 * MAX_TENANTS)]
            for key in [*(f"o/{origin}" for origin in ORIGINS), *(f"l/l{n}" for n in range(32))]
        }
    ),
}


def big(random):
    """Return counts that take the most bytes: as of events that claim absurd numbers of tokens."""
    return [random.getrandbits(50) + 1 for _ in range(3)] + [random.getrandbits(100)]


@pytest.mark.parametrize("kind", [*KINDS, "all"])
@pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
def test_a_panes_record_is_bounded_whatever_it_holds(kind, level):
    random = Random(1)
    made = [make(random) for make in (KINDS.values() if kind == "all" else [KINDS[kind]])]
    partition = Partition(0, 1)
    key = PaneKey(level, pane_start(level, NOW))
    pane = Pane()
    for each in made:
        pane.add(each)
    partition.held.running[key] = GrowingPane.of(pane)
    before = [whole(each) for each in (pane.cells, pane.models, pane.tenants)]
    assert len(encode_pane(pane, 1)) > level.max_bytes
    partition.held.newest, partition.held.dirty = NOW, {key}

    [value] = partition.begin_flush().panes.values()

    assert level.max_bytes / 4 < len(value) <= level.max_bytes
    stored = decode_pane(value)
    assert [whole(each) for each in (stored.cells, stored.models, stored.tenants)] == before


def test_a_flood_of_names_leaves_languages_and_large_models_alone():
    random = Random(1)
    flood = {f"{random.getrandbits(400):x}": [1, 1, 1, 1] for _ in range(1000)}
    cells = {f"cn-open/l{n}": [1, 9, 0, 0] for n in range(60)} | {"unknown/en": [1000, 1, 1, 1]}
    pane = Pane(cells.copy(), flood | {f"m{n}": [1, 1000, 0, 0] for n in range(100)})

    assert pane.shrink(0.3)

    assert pane.cells == cells
    assert {f"m{n}" for n in range(100)} <= pane.models.keys()
    assert len(pane.models) < 400


def test_what_a_partition_may_take_is_what_its_panes_may_take():
    kept = {
        level: sum(
            is_kept(level, start, NOW)
            for start in range(
                pane_start(level, NOW - level.keep_seconds) - 3 * level.seconds,
                int(NOW) + 1,
                level.seconds,
            )
        )
        for level in ALL_LEVELS
    }

    assert {level: level.max_panes for level in ALL_LEVELS} == kept
    assert sum(number * level.max_bytes for level, number in kept.items()) == MAX_STATE_BYTES
