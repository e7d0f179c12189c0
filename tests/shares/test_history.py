"""A query reads the panes of one moment, and what it caches is used for these panes only."""

from __future__ import annotations

from streams.classify.origin import overrides
from streams.classify.origin.catalog import Catalog
from streams.shares.history import History
from streams.state.codec import PaneKey, encode_pane, pane_key
from streams.state.pane import DAY, HOUR, Pane, pane_start
from streams.state.view import View

NOW = 1_763_985_600.0
CATALOG = Catalog.load()
KEY = pane_key(0, PaneKey(HOUR, pane_start(HOUR, NOW)))
OTHER = pane_key(1, PaneKey(HOUR, pane_start(HOUR, NOW)))


def put(view, tokens, *, key=KEY, stamp=1, cell="cn-open/en"):
    view.apply(key, encode_pane(Pane({cell: [1, tokens, 0, 0]}, {}, {}, stamp), 1))


def query(history):
    return history.query("joint", "1h", None, None, NOW)


def tokens(body):
    return [point["tokens"] for point in body["points"]]


def test_a_pane_that_changes_while_a_query_is_answered_is_read_again_by_the_next():
    view = View()
    history = History(view, CATALOG)
    put(view, 5)
    early = query(history)
    put(view, 9, stamp=2)
    late = query(history)

    # In this order, the older sums are cached last.
    assert tokens(history.answer(late)) == [9]
    assert tokens(history.answer(early)) == [5]
    assert tokens(history.answer(query(history))) == [9]
    put(view, 1, key=OTHER)
    assert tokens(history.answer(query(history))) == [10]


def test_a_pane_that_is_removed_while_a_query_is_answered_leaves_nothing_behind():
    view = View()
    history = History(view, CATALOG)
    put(view, 5)
    asked = query(history)
    view.apply(KEY, None)

    assert tokens(history.answer(asked)) == [5]
    assert tokens(history.answer(query(history))) == []
    assert not history.cache._cached


def test_a_query_keeps_to_the_catalogue_that_it_began_with():
    view = View()
    history = History(view, CATALOG)
    put(view, 5, cell="unknown/en/acme-1")
    asked = query(history)
    ours = b'[models."acme-1"]\nsame_as = "deepseek-chat"'
    history.use(CATALOG.overridden_by(overrides.parse(ours, "overrides.toml")))

    assert [*history.answer(query(history))["points"][0]["cells"]] == ["cn-open/en"]
    assert [*history.answer(asked)["points"][0]["cells"]] == ["unknown/en"]
    assert [*history.answer(query(history))["points"][0]["cells"]] == ["cn-open/en"]


def test_equal_records_are_the_same_object_until_one_changes():
    view = View()
    put(view, 5)
    put(view, 7, key=OTHER)
    start = pane_start(HOUR, NOW)
    first = view.values_at(HOUR, start)

    assert view.values_at(HOUR, start) is first
    put(view, 6, stamp=2)
    second = view.values_at(HOUR, start)
    assert second[0] != first[0]
    assert second[1] is first[1]
    view.apply(OTHER, None)
    assert view.values_at(HOUR, start) == second[:1]
    assert view.values_at(HOUR, start + HOUR.seconds) == ()


def day(number):
    return pane_key(0, PaneKey(DAY, pane_start(DAY, NOW) - number * DAY.seconds))


def weeks(history, dimension="origin"):
    return tokens(history.answer(history.query(dimension, "1w", None, None, NOW)))


def test_a_week_is_the_sum_of_its_days_and_follows_each_of_them():
    view = View()
    history = History(view, CATALOG)
    # 2025-11-24 is a Monday: the nine days before it are a week and two days.
    for number in range(1, 10):
        put(view, 10 + number, key=day(number))

    assert weeks(history) == [18 + 19, sum(range(11, 18))]
    assert weeks(history, "language") == weeks(history)
    put(view, 100, key=day(3), stamp=2)
    assert weeks(history) == [18 + 19, sum(range(11, 18)) - 13 + 100]
    view.apply(day(7), None)
    assert weeks(history) == [18 + 19, sum(range(11, 17)) - 13 + 100]
    put(view, 1, key=day(0))
    assert weeks(history)[2:] == [1]


def test_a_week_is_reclassified_with_the_catalogue():
    view = View()
    history = History(view, CATALOG)
    put(view, 5, key=day(1), cell="unknown/en/acme-1")
    asked = history.query("origin", "1w", None, None, NOW)
    ours = b'[models."acme-1"]\nsame_as = "deepseek-chat"'

    assert [*history.answer(asked)["points"][0]["cells"]] == ["unknown"]
    history.use(CATALOG.overridden_by(overrides.parse(ours, "overrides.toml")))
    asked = history.query("origin", "1w", None, None, NOW)
    assert [*history.answer(asked)["points"][0]["cells"]] == ["cn-open"]
