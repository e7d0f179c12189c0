"""Every reader of the changelog comes to the same picture."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.classify.origin import overrides
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import ORIGINS
from streams.counting.journal import fence
from streams.shares.grouping import choose
from streams.shares.history import STEPS, History
from streams.shares.sums import SumsCache
from streams.shares.windows import WINDOWS, Windows
from streams.state.codec import (
    STATE_VERSION,
    PaneKey,
    PositionRecord,
    StateError,
    Totals,
    encode_pane,
    encode_position,
    pane_key,
    position_key,
)
from streams.state.pane import DAY, FINE, HOUR, MIDDLE, Pane, pane_start
from streams.state.view import Stale, View
from streams.web.snapshot import add_totals, take

NOW = 1_800_000_000.0
CATALOG = Catalog.load()


def position(partition=0, newest=NOW, read_at=NOW, generation=1, offset=10, totals=None):
    record = PositionRecord(STATE_VERSION, generation, offset, newest, read_at, totals or Totals())
    return position_key(partition), encode_position(record)


def pane(cells, level=FINE, at=NOW, partition=0, generation=1, stamp=1, models=None):
    key = pane_key(partition, PaneKey(level, pane_start(level, at)))
    return key, encode_pane(Pane(cells, models or {}, {}, stamp), generation)


class Seen(View):
    """A view with windows over it, which move on from picture to picture."""

    def __init__(self):
        super().__init__()
        self.windows = Windows(self, SumsCache(self, CATALOG))


def picture(view, now=NOW, before=None):
    view.windows.advance(view.as_of(now, 300.0))
    return take(view.windows, view.positions.values(), CATALOG, now, (), (), before)


def everywhere(view, cells, partition=0, **rest):
    for level in (FINE, MIDDLE, HOUR, DAY):
        view.apply(*pane(cells, level, partition=partition, **rest))


def test_panes_of_all_partitions_add_up():
    view = Seen()
    everywhere(view, {"cn-open/zh-Hans": [1, 30, 0, 0]}, partition=0)
    everywhere(view, {"cn-open/zh-Hans": [2, 10, 0, 0], "row-open/en": [1, 0, 60, 0]}, partition=1)
    view.apply(*position(0))

    shares = {share.key: share for share in picture(view).windows["5m"].dimensions["origin"]}
    assert shares["cn-open"].tokens == 40
    assert shares["cn-open"].tokens_ratio == 0.4
    assert shares["cn-open"].requests_ratio == 0.75
    assert shares["row-proprietary"].tokens_ratio == 0.0
    assert set(shares) == set(ORIGINS)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ((1, 5), (1, 6), 1),
        ((1, 6), (1, 5), 0),
        ((2, 5), (1, 9), 0),
        ((1, 9), (2, 5), 1),
        ((1, 5), (1, 5), 1),
    ],
    ids=["newer", "older-stamp", "older-owner", "newer-owner", "again"],
)
def test_of_two_records_for_one_key_the_higher_generation_and_stamp_is_kept(first, second, kept):
    view = Seen()
    view.apply(*position())
    records = [
        pane({"cn-open/en": [1, tokens, 0, 0]}, generation=generation, stamp=stamp)
        for (generation, stamp), tokens in ((first, 100), (second, 200))
    ]
    assert view.apply(*records[0]) is None
    stale = view.apply(*records[1])

    assert (stale is None) == (kept == 1)
    assert picture(view).windows["5m"].tokens == (100, 200)[kept]


def test_a_deleted_pane_leaves_the_windows():
    view = Seen()
    view.apply(*position())
    key, value = pane({"cn-open/en": [1, 100, 0, 0]})
    view.apply(key, value)
    assert picture(view).windows["1h"].tokens == 100

    view.apply(key, None)
    assert picture(view).windows["1h"].tokens == 0


def test_another_versions_state_is_refused_by_name():
    view = Seen()
    with pytest.raises(StateError, match="state version 99"):
        view.apply("0/10s/1800000000", b'{"v":99,"g":1,"s":1}')
    with pytest.raises(StateError, match="state version 98"):
        view.apply("0/10s/1800000000", msgspec.msgpack.encode([98, 1, 1, b"", b""]))
    with pytest.raises(StateError, match="unknown key"):
        view.apply("0/2h/1800000000", b'{"v":1,"g":1,"s":1}')
    with pytest.raises(StateError, match="unreadable"):
        view.apply("0/10s/1800000000", b"not json")


# as of:  newest event + time since it was read, at most 5 min ahead of the clock
@pytest.mark.parametrize(
    ("newest", "read_at", "expected"),
    [
        (NOW - 1, NOW - 0.5, NOW - 0.5),
        (NOW - 3600, NOW - 3600, NOW),
        (NOW - 40_000_000, NOW - 10, NOW - 39_999_990),
        (NOW + 200, NOW, NOW + 200),
        (NOW + 299, NOW - 60, NOW + 300),
        (NOW - 5, NOW + 60, NOW - 5),
    ],
    ids=["live", "quiet", "replay", "ahead", "too-far-ahead", "clock-went-back"],
)
def test_as_of_is_the_newest_event_moved_on_by_the_time_since(newest, read_at, expected):
    view = Seen()
    view.apply(*position(newest=newest, read_at=read_at))

    assert view.as_of(NOW, 300.0) == expected


def test_without_events_there_is_no_as_of_and_no_shares():
    view = Seen()
    view.apply(*position(newest=0.0, read_at=0.0))
    shown = picture(view)

    assert shown.as_of == 0.0
    assert shown.windows["7d"].dimensions["language"] == ()
    assert {share.tokens_ratio for share in shown.windows["7d"].dimensions["origin"]} == {None}


def test_a_window_ends_at_as_of_and_starts_its_length_before():
    #  NOW-300      NOW-290              NOW
    #     (  out  )[== window ========...=]
    view = Seen()
    view.apply(*position())
    for age, tokens in ((0, 1), (290, 10), (300, 100), (3590, 1000), (3600, 10_000)):
        view.apply(*pane({"cn-open/en": [1, tokens, 0, 0]}, at=NOW - age))

    shown = picture(view)
    assert shown.windows["5m"].tokens == 11
    assert shown.windows["1h"].tokens == 1111


def test_windows_move_on_without_events():
    view = Seen()
    view.apply(*position())
    view.apply(*pane({"cn-open/en": [1, 5, 0, 0]}))

    assert picture(view, NOW).windows["5m"].tokens == 5
    assert picture(view, NOW + 299).windows["5m"].tokens == 5
    assert picture(view, NOW + 300).windows["5m"].tokens == 0


steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 5000),
        st.sampled_from(["cn-open/en", "row-open/ru", "unknown/en/x"]),
        st.integers(1, 100),
        st.integers(0, 3000),
        st.booleans(),
    ),
    max_size=30,
)


@given(steps)
def test_windows_kept_by_difference_equal_windows_added_up_again(script):
    # Panes come, change and go while time moves on; at each step a fresh view of the same records
    # has to show the same.
    view, held, now = Seen(), {}, NOW
    view.apply(*position())
    for stamp, (partition, age, cell, tokens, ahead, deletes) in enumerate(script):
        now += ahead if stamp % 3 == 0 else 0
        for level in (FINE, MIDDLE, HOUR):
            key, value = pane(
                {cell: [1, tokens, 1, 0]}, level, now - age, partition, stamp=stamp + 1
            )
            held[key] = None if deletes else value
            view.apply(key, held[key])
        fresh = Seen()
        fresh.apply(*position())
        for key, value in held.items():
            if value is not None:
                fresh.apply(key, value)
        assert picture(view, now).windows == picture(fresh, now).windows


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(ORIGINS[:4]), st.text("abcdefgh", min_size=2, max_size=3)),
        st.lists(st.integers(1, 10**6), min_size=4, max_size=4),
        min_size=1,
        max_size=60,
    )
)
def test_shares_of_a_dimension_add_up_to_one(cells):
    view = Seen()
    view.apply(*position())
    everywhere(
        view,
        {f"{origin}/{language}": counts for (origin, language), counts in cells.items()},
        models={f"m{n}": counts for n, counts in enumerate(cells.values())},
    )
    for window in picture(view).windows.values():
        for dimension in ("origin", "language", "developer", "model"):
            shares = window.dimensions[dimension]
            assert abs(sum(share.tokens_ratio for share in shares) - 1) < 1e-9
            assert abs(sum(share.requests_ratio for share in shares) - 1) < 1e-9
        assert abs(sum(share.tokens_ratio for _, _, share in window.joint) - 1) < 1e-9


def test_only_so_many_languages_are_shown_by_name_and_the_rest_together():
    view = Seen()
    view.apply(*position())
    everywhere(view, {f"cn-open/l{n:03}": [1, 1000 - n, 0, 0] for n in range(100)})

    shares = picture(view).windows["7d"].dimensions["language"]
    assert len(shares) == 31
    assert shares[-1].key == "other"
    assert shares[-1].requests == 70


def test_a_key_at_the_edge_does_not_flicker():
    counts = {f"k{n:02}": [1, 100 - n, 0, 0] for n in range(20)}
    shown = choose(frozenset(), counts, 10)
    assert shown == {f"k{n:02}" for n in range(10)}

    counts["k09"], counts["k10"] = counts["k10"], counts["k09"]
    assert choose(shown, counts, 10) == shown | {"k10"}

    counts["k09"] = [1, 0, 0, 0]
    assert "k09" not in choose(shown, counts, 10)


def test_what_the_catalogue_learns_later_is_right_in_history_too():
    # The cell was counted as unknown and keeps its name; by now the name is known.
    view = Seen()
    view.apply(*position())
    everywhere(view, {"unknown/zh-Hans/deepseek-chat": [1, 100, 0, 0]})

    shown = picture(view)
    origins = {share.key: share.tokens for share in shown.windows["7d"].dimensions["origin"]}
    assert origins["cn-open"] == 100
    assert shown.unknown["7d"] == ()
    points = History(view, CATALOG).read("joint", "1d", None, None, NOW)["points"]
    assert points[0]["cells"] == {"cn-open/zh-Hans": [100, 1, 100, 0, 100, None]}


def test_unknown_models_are_listed_by_tokens():
    view = Seen()
    view.apply(*position())
    everywhere(
        view,
        {
            "unknown/en/prod-chat": [1, 5, 0, 0],
            "unknown/ru/prod-chat": [1, 5, 0, 0],
            "unknown/en/beta": [1, 7, 0, 0],
        },
    )

    shown = picture(view)
    assert [each[:3] for each in shown.unknown["7d"]] == [("prod-chat", 10, 2), ("beta", 7, 1)]
    assert all(each.why.startswith("unknown: ") for each in shown.unknown["7d"])


def test_an_override_reclassifies_history_on_every_level_with_its_languages():
    view = Seen()
    history = History(view, CATALOG)
    view.apply(*position())
    everywhere(view, {"unknown/zh-Hans/prod-chat": [1, 100, 20, 0], "unknown/en": [1, 5, 0, 0]})
    for step in STEPS:
        points = history.read("joint", step, None, None, NOW)["points"]
        assert set(points[0]["cells"]) == {"unknown/zh-Hans", "unknown/en"}

    ours = b'[models."prod-chat"]\nsame_as = "deepseek-chat"'
    history.use(CATALOG.overridden_by(overrides.parse(ours, "overrides.toml")))

    for step in STEPS:
        points = history.read("joint", step, None, None, NOW)["points"]
        # What was counted without its name cannot be told again.
        assert points[0]["cells"] == {
            "cn-open/zh-Hans": [120, 1, 100, 20, 120, None],
            "unknown/en": [5, 1, 5, 0, 5, None],
        }


def test_history_answers_by_step_and_follows_changes():
    view = Seen()
    history = History(view, CATALOG)
    monday = 1_799_625_600  # 2027-01-11T00:00:00Z
    for day, tokens in ((-1, 1), (0, 10), (6, 100), (7, 1000)):
        view.apply(*pane({"cn-open/en": [1, tokens, 0, 0]}, DAY, monday + day * 86400))

    weeks = history.read("origin", "1w", None, None, NOW)["points"]
    assert [(p["start"], p["tokens"]) for p in weeks] == [
        (monday - 7 * 86400, 1),
        (monday, 110),
        (monday + 7 * 86400, 1000),
    ]
    view.apply(*pane({"cn-open/en": [1, 11, 0, 0]}, DAY, monday, stamp=2))
    days = history.read("origin", "1d", monday, monday + 86400, NOW)["points"]
    assert [(p["start"], p["cells"]) for p in days] == [
        (monday, {"cn-open": [11, 1, 11, 0, 11, None]})
    ]


@pytest.mark.parametrize("step", ["5m", "1h", "1d", "1w"])
def test_sums_added_up_beforehand_equal_those_of_a_query(step):
    view = Seen()
    for partition in (0, 1):
        everywhere(
            view, {"cn-open/en": [1, 5, 0, 0]}, partition, models={"qwen3-32b": [1, 5, 0, 0]}
        )
    asked_first, warmed = History(view, CATALOG), History(view, CATALOG)

    while warmed.warm(0.0):
        pass

    for dimension, key in (("model", "qwen3-32b"), ("developer", "Alibaba"), ("origin", "cn-open")):
        for _ in range(2):
            answers = [
                each.read(dimension, step, None, None, NOW)["points"]
                for each in (asked_first, warmed)
            ]
            assert [point["cells"] for point in answers[0]] == [{key: [10, 2, 10, 0, 10, None]}]
            assert answers[0] == answers[1]


def test_a_changed_day_changes_its_models_in_history():
    view = Seen()
    history = History(view, CATALOG)
    for stamp, tokens in ((1, 5), (2, 9)):
        counts = [1, tokens, 0, 0]
        view.apply(*pane({"cn-open/en": counts}, DAY, stamp=stamp, models={"qwen3-32b": counts}))
        while history.warm(0.0):
            pass

        points = history.read("model", "1d", None, None, NOW)["points"]

        assert [point["cells"] for point in points] == [
            {"qwen3-32b": [tokens, 1, tokens, 0, tokens, None]}
        ]


@pytest.mark.parametrize(("dimension", "step"), [("tenant", "1d"), ("origin", "2h")])
def test_a_question_that_makes_no_sense_says_what_would(dimension, step):
    with pytest.raises(ValueError, match="one of"):
        History(View(), CATALOG).read(dimension, step, None, None, NOW)


def test_totals_are_of_all_partitions():
    view = Seen()
    for number in (0, 1):
        totals = Totals(
            origins={"cn-open": [1, 2, 3, 4]}, records={"counted/": 5}, events={"native": 5}, late=1
        )
        view.apply(*position(number, totals=totals))

    origins, records, events, late = add_totals(view.positions.values())
    assert origins["origin"] == {"cn-open": [2, 4, 6, 8]}
    assert (records, events, late) == ({"counted/": 10}, {"native": 10}, 2)


def test_every_window_is_whole_panes_of_its_level():
    for window in WINDOWS:
        assert window.seconds % window.level.seconds == 0
        assert window.seconds <= window.level.keep_seconds


def test_the_first_position_decides_whose_state_it_is_however_high_the_others_rank():
    # Two deployments in one group; neither has read the other's fence when it writes its own.
    view = View()
    ours, theirs = fence(1, {}, "ours"), fence(7, {}, "theirs")

    assert view.apply("0/position", ours) is None
    assert view.apply("0/position", theirs) == Stale(0, None)
    assert view.positions[0].topic == "ours"
    assert view.apply("0/position", fence(8, view.of_partition(0), "theirs")) is None
    assert view.positions[0].topic == "ours"
