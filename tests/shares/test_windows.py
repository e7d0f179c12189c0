"""Windows move a few milliseconds at a time, and stay exact however many names come."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_view import CATALOG, NOW, Seen, pane, picture, position

from streams.classify.keys import OTHER, cell_key
from streams.classify.origin import overrides
from streams.classify.origin.catalog import Catalog
from streams.shares.sums import NAMES_AT_A_TIME, SumsCache
from streams.shares.windows import (
    KEPT_WINDOW_MODELS,
    MAX_WINDOW_LANGUAGES,
    MAX_WINDOW_MODELS,
    Names,
    Windows,
)
from streams.state.counts import added_up
from streams.state.pane import FINE, HOUR, MAX_LANGUAGES, MIDDLE, pane_start
from streams.web.snapshot import take

HOURS = 168
NAMES = 1024

counts = st.lists(st.integers(1, 1000), min_size=4, max_size=4)
columns = st.dictionaries(st.sampled_from("abcdefghijklmnop"), counts, min_size=1)


class Counting(Catalog):
    """A catalogue that counts the names it has to look at, not those it remembers."""

    asked = 0

    def _decide(self, model):
        self.asked += 1
        return super()._decide(model)


def whole(shares):
    return sum(share.requests for share in shares), sum(share.tokens for share in shares)


# -- running sums of the largest names


@given(st.lists(st.one_of(columns, st.integers(0, 30)), max_size=40), st.integers(1, 20))
def test_in_any_order_a_name_sums_what_is_left_of_it_since_it_came(script, most):
    # A dictionary is added; a number takes away one of those that are held.
    names, held, since, moment = Names(most, max(1, most // 2)), {}, {}, 0
    for step in script:
        if isinstance(step, dict):
            moment += 1
            held[moment] = step
            names.add(step, moment)
        elif held:
            gone = sorted(held)[step % len(held)]
            names.subtract(held.pop(gone), gone)
        since = {key: since.get(key, moment) for key in names.counts}

        assert len(names.counts) <= most
        for key, found in names.counts.items():
            parts = [each[key] for at, each in held.items() if at >= since[key] and key in each]
            assert found == added_up(parts)
        if names.is_whole:
            assert names.counts.keys() == {key for each in held.values() for key in each}
    for at, each in held.items():
        names.subtract(each, at)
    assert not names.counts


def test_a_copy_of_sums_stays_as_it_was_and_only_keys_that_change_get_other_counts():
    names = Names(6, 2)
    names.add({"a": [1, 2, 0, 0], "b": [1, 5, 0, 0], "c": [1, 1, 0, 0]}, 1)
    names.add({"a": [1, 3, 0, 0, 7]}, 2)
    copied = names.counts.copy()

    names.add({"a": [1, 1, 0, 0]}, 3)
    names.subtract({"a": [1, 2, 0, 0], "b": [1, 5, 0, 0]}, 1)

    assert copied == {"a": [2, 5, 0, 0, 7], "b": [1, 5, 0, 0], "c": [1, 1, 0, 0]}
    assert names.counts == {"a": [2, 4, 0, 0, 7], "c": [1, 1, 0, 0]}
    assert names.counts["c"] is copied["c"]


def test_the_largest_names_stay_and_others_go_with_all_their_keys():
    names = Names(6, 2, lambda key: key.split("/")[1])
    names.add({f"{origin}/l{n}": [1, n, 0, 0] for n in range(3) for origin in "ab"}, 1)
    assert names.is_whole

    names.add({"a/l9": [1, 1, 0, 0]}, 2)

    assert set(names.counts) == {"a/l1", "b/l1", "a/l2", "b/l2"}
    assert not names.is_whole


# -- windows of more names than they hold


def flooded(partitions=3, hours=6):
    """Return a view whose 7 days hold more names than a window does, and one that is everywhere."""
    view = Seen()
    for partition in range(partitions):
        view.apply(*position(partition))
        for hour in range(hours):
            names = [f"{partition}-{hour}-{n}" for n in range(NAMES)]
            models = {f"acme-{name}": [1, 10, 1, 121] for name in names}
            models |= {"qwen3-32b": [5, 500, 50, 10], OTHER: [2, 20, 2, 5]}
            cells = {cell_key("unknown", "en", f"acme-{n}"): [1, 10, 1, 121] for n in names[:64]}
            cells |= {"unknown/en": [NAMES - 62, 10 * (NAMES - 62), NAMES - 62, 5]}
            cells |= {"cn-open/zh-Hans": [5, 500, 50, 10]}
            at = NOW - hour * 3600
            view.apply(*pane(cells, HOUR, at, partition, models=models))
    return view


def test_of_too_many_names_the_largest_are_exact_and_the_rest_is_other():
    partitions, hours = 3, 6
    assert partitions * hours * NAMES > MAX_WINDOW_MODELS
    shown = picture(flooded(partitions, hours)).windows["7d"]

    panes = partitions * hours
    tokens = {share.key: share.tokens for share in shown.dimensions["model"]}
    assert tokens["qwen3-32b"] == 550 * panes
    assert shown.tokens == panes * (550 + 11 * (NAMES + 2))
    assert {whole(shown.dimensions[each]) for each in ("origin", "language", "developer")} == {
        (shown.requests, shown.tokens)
    }
    assert whole(shown.dimensions["model"]) == (panes * (NAMES + 7), panes * (572 + 11 * NAMES))
    developers = {share.key: share.tokens for share in shown.dimensions["developer"]}
    assert developers == {
        "Alibaba": 550 * panes,
        "unknown": 11 * NAMES * panes,
        "other": 22 * panes,
    }


def test_too_many_names_leave_a_window_without_a_trace():
    view = flooded()
    before = picture(view).windows["7d"]
    assert len(view.windows.sums()["7d"].model) >= KEPT_WINDOW_MODELS

    after = picture(view, NOW + 7 * 86400 - 2 * 3600)
    shown = after.windows["7d"].dimensions
    assert before.requests == 3 * after.windows["7d"].requests
    assert {share.key: share.tokens for share in shown["developer"]} == {
        "Alibaba": 550 * 6,
        "unknown": 11 * NAMES * 6,
        "other": 22 * 6,
    }
    assert whole(shown["model"]) == whole(shown["developer"])

    empty = picture(view, NOW + 8 * 86400)
    assert empty.windows["7d"].requests == 0
    assert not any(view.windows.sums()["7d"])


def test_languages_that_are_all_new_are_bounded_and_stay_in_the_sums():
    view, hours, new = Seen(), 10, 200
    view.apply(*position())
    for hour in range(hours):
        for partition, origin in enumerate(("cn-open", "row-open")):
            cells = {f"{origin}/l{hour}-{n}": [1, 10, 0, 0] for n in range(new)}
            cells["cn-open/en"] = [9, 99, 0, 0]
            view.apply(*pane(cells, HOUR, NOW - hour * 3600, partition))

    shown = picture(view).windows["7d"]

    assert len(view.windows.sums()["7d"].joint) < MAX_WINDOW_LANGUAGES < 2 * hours * new
    assert shown.tokens == 2 * hours * (new * 10 + 99)
    assert whole(shown.dimensions["language"]) == (shown.requests, shown.tokens)
    assert sum(share.tokens for *_, share in shown.joint) == shown.tokens
    origins = {share.key: share.tokens for share in shown.dimensions["origin"]}
    assert origins["cn-open"] == hours * (new * 10 + 2 * 99)
    assert origins["row-open"] == hours * new * 10
    assert shown.dimensions["language"][0].tokens == 2 * hours * 99


def test_languages_that_are_too_many_only_together_leave_with_the_pane_that_has_them():
    # The first two panes are added as one: none of them has so many languages, and both have.
    view = Seen()
    view.apply(*position())
    languages = MAX_LANGUAGES + 50
    for number in range(3):
        cells = {cell_key("row-open", f"x{number}-{n}"): [1, 1 + n, 0, 0] for n in range(languages)}
        view.apply(*pane(cells, at=NOW - 290 + 10 * number))
    view.windows.advance(NOW)

    for gone in (1, 2, 3):
        view.windows.advance(NOW + 10 * gone)
        sums = view.windows.sums()["5m"]
        left = added_up(sums.joint.values())
        assert left == sums.stored()["origin"].get("row-open", left)
        assert left[0] == (3 - gone) * languages


def test_a_pane_that_changed_while_windows_were_elsewhere_leaves_them_as_it_was_added():
    view = Seen()
    windows, models = view.windows, {"x": [1, 100, 0, 0]}
    view.apply(*pane({"row-open/en": [1, 100, 0, 0]}, models=models))
    windows.advance(NOW)
    windows.advance(NOW + 30 * 86_400)
    view.apply(*pane({"row-open/en": [3, 300, 0, 0]}, models={"x": [3, 300, 0, 0]}, stamp=2))
    view.apply(*pane({"row-open/en": [1, 1, 0, 0]}, at=NOW + 30 * 86_400, models=models))
    windows.advance(NOW)
    assert windows.sums()["5m"].pair == {"x": [3, 300, 0, 0]}

    view.apply(*pane({"row-open/en": [4, 400, 0, 0]}, models={"x": [4, 400, 0, 0]}, stamp=3))
    windows.advance(NOW)

    assert windows.sums()["5m"].pair == {"x": [4, 400, 0, 0]}
    assert windows.sums()["5m"].joint == {"row-open/en": [4, 400, 0, 0]}


# -- a few milliseconds at a time

changes = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 5000),
        st.sampled_from(["cn-open/en", "row-open/ru", "unknown/en/x", "unknown/ru/deepseek-chat"]),
        st.sampled_from(["qwen3-32b", "x", "y", OTHER]),
        st.integers(1, 100),
        st.integers(0, 3000),
        st.booleans(),
        st.integers(0, 6),
    ),
    max_size=25,
)


@given(changes)
def test_windows_moved_in_pieces_while_panes_change_equal_windows_added_up_at_once(script):
    view, held, now = Seen(), {}, NOW
    view.apply(*position())
    for stamp, (partition, age, cell, model, tokens, ahead, deletes, pieces) in enumerate(script):
        now += ahead if stamp % 3 == 0 else 0
        for level in (FINE, MIDDLE, HOUR):
            counted = [1, tokens, 1, 0]
            key, value = pane(
                *({cell: counted}, level, now - age, partition),
                stamp=stamp + 1,
                models={model: counted},
            )
            held[key] = None if deletes else value
            view.apply(key, held[key])
            for _ in range(pieces):
                view.windows.advance(view.as_of(now, 300.0), 0.0)
    fresh = Seen()
    fresh.apply(*position())
    for key, value in held.items():
        if value is not None:
            fresh.apply(key, value)
    shown, expected = picture(view, now), picture(fresh, now)
    assert (shown.windows, shown.unknown) == (expected.windows, expected.unknown)


def test_windows_are_added_up_again_by_another_catalogue():
    view = Seen()
    view.apply(*position())
    counted = [1, 100, 0, 0]
    view.apply(*pane({"unknown/en/prod-chat": counted}, models={"prod-chat": counted}))
    kept = SumsCache(view, CATALOG)
    windows = Windows(view, kept)
    windows.advance(NOW)
    assert windows.sums()["5m"].unknown == {"prod-chat": counted}

    ours = b'[models."prod-chat"]\nsame_as = "deepseek-chat"'
    kept.use(CATALOG.overridden_by(overrides.parse(ours, "overrides.toml")))
    windows.reclassify()
    windows.advance(NOW)

    assert windows.sums()["5m"].by_dimension(CATALOG) == {
        "origin": {"cn-open": counted},
        "language": {"en": counted},
        "joint": {"cn-open/en": counted},
        "developer": {"DeepSeek": counted},
        "model": {"prod-chat": counted},
        "provider": {"unknown": counted},
        "jurisdiction": {"unknown": counted},
        "served": {"unknown/cn-open": counted},
        "law": {"cn-open/unknown": counted},
    }
    assert not windows.sums()["5m"].unknown


# -- the budget: 168 hours of 1,024 new names


@pytest.fixture(scope="module")
def week():
    """Return a view of a week of new names in each hour, its windows, and a counting catalogue."""
    view = Seen()
    view.apply(*position())
    for hour in range(HOURS):
        view.apply(*hour_of_names(NOW - hour * 3600, NAMES))
    catalog = Counting(**{name: getattr(CATALOG, name) for name in CATALOG_FIELDS})
    view.windows = Windows(view, SumsCache(view, catalog))
    return view, catalog


CATALOG_FIELDS = ("facts", "matcher", "overrides")


def hour_of_names(at, number, stamp=1):
    names = [f"model-{pane_start(HOUR, at)}-{n}" for n in range(number)]
    models = {name: [1, 100 + place, 10, 7] for place, name in enumerate(names)}
    cells = {cell_key("unknown", "en", name): [1, 100, 10, 7] for name in names[:64]}
    return pane(cells | {"unknown/en": [960, 9600, 960, 7]}, HOUR, at, models=models, stamp=stamp)


@pytest.mark.slow
def test_names_are_classified_a_few_at_a_time_when_they_are_new_and_when_they_leave(week):
    view, catalog = week
    steps = []
    is_moved = False
    while not is_moved:
        before = catalog.asked
        is_moved = view.windows.advance(NOW, 0.0)
        steps.append(catalog.asked - before)
    assert max(steps) <= NAMES_AT_A_TIME
    assert sum(steps) == HOURS * NAMES

    # The running pane changes and brings one new name; then an hour begins and another one leaves.
    for stamp, at, number, new in ((2, NOW, NAMES + 1, 1), (3, NOW + 3600, 500, 500 + NAMES)):
        before = catalog.asked
        view.apply(*hour_of_names(at, number, stamp))
        view.windows.advance(at)
        take(view.windows, view.positions.values(), catalog, at, (), (), None)
        # Names that are shown may have to be looked at again for why they are unknown.
        assert new <= catalog.asked - before <= new + 200
    assert all(len(each) <= MAX_WINDOW_MODELS for each in view.windows.sums()["7d"])


@pytest.mark.slow
def test_a_snapshot_of_a_week_of_new_names_stays_within_its_budget(week):
    view, catalog = week
    view.windows.advance(NOW)
    spent = []
    gc.disable()
    try:
        for stamp in range(10, 17):
            view.apply(*hour_of_names(NOW, NAMES + stamp, stamp))
            began = time.process_time()
            view.windows.advance(NOW)
            take(view.windows, view.positions.values(), catalog, NOW, (), (), None)
            spent.append(time.process_time() - began)
    finally:
        gc.enable()
    assert min(spent) < 0.05
