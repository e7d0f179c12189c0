"""Shares of a part of the traffic: what adds up, and what is not counted together."""

from __future__ import annotations

import pytest
from test_view import CATALOG, NOW, Seen, everywhere, pane, picture, position

from streams.shares.filtered import unavailable
from streams.shares.history import History
from streams.state.pane import DAY, FINE, HOUR, MIDDLE
from streams.web import responses

ALL = frozenset({
    *("origin", "language", "developer", "model", "provider", "jurisdiction"),
    *("joint", "served", "law"),
})  # fmt: skip
CELLS = {
    "cn-open/zh-Hans": [3, 100, 20, 0],
    "cn-open/en": [2, 50, 10, 0],
    "row-proprietary/en": [5, 800, 100, 0],
    "unknown/en/prod-chat": [1, 7, 0, 0],
}
MODELS = {
    "deepseek/deepseek-v3.2\tdeepseek": [2, 60, 10, 0],
    "deepseek/deepseek-v3.2\tbedrock": [2, 70, 10, 0],
    "openai/gpt-5\topenai": [5, 800, 100, 0],
    "prod-chat": [1, 7, 0, 0],
}


@pytest.fixture(scope="module")
def snapshot():
    view = Seen()
    view.apply(*position())
    everywhere(view, CELLS, models=MODELS)
    return picture(view)


def part(snapshot, dimensions=ALL, **chosen):
    return responses.part(snapshot, dimensions, chosen, CATALOG)["windows"]["24h"]


def tokens(rows):
    return {row["key"]: row["tokens"] for row in rows if row["tokens"]}


def test_an_origin_is_split_by_everything(snapshot):
    shown = part(snapshot, origin="cn-open")

    assert (shown["tokens"], shown["requests"]) == (180, 5)
    assert shown["everything"]["tokens"] == 1087
    assert tokens(shown["language"]) == {"zh-Hans": 120, "en": 60}
    # A request whose model is too small for a name is counted all the same.
    assert tokens(shown["model"]) == {"deepseek/deepseek-v3.2": 150, "other": 30}
    assert tokens(shown["developer"]) == {"DeepSeek": 150, "other": 30}
    assert tokens(shown["provider"]) == {"bedrock": 80, "deepseek": 70, "other": 30}
    assert tokens(shown["jurisdiction"]) == {"us": 80, "cn": 70, "other": 30}
    assert sum(tokens(shown["origin"]).values()) == 180


def test_filters_combine(snapshot):
    shown = part(snapshot, developer="DeepSeek", jurisdiction="us")

    assert shown["tokens"] == 80
    assert tokens(shown["model"]) == {"deepseek/deepseek-v3.2": 80}
    assert tokens(shown["provider"]) == {"bedrock": 80}
    assert tokens(shown["origin"]) == {"cn-open": 80}
    assert "language" not in shown
    assert "joint" not in shown


def test_who_served_it_is_unknown_where_no_record_says_so(snapshot):
    assert part(snapshot, provider="unknown")["tokens"] == 7
    assert tokens(part(snapshot, jurisdiction="unknown")["model"]) == {"prod-chat": 7}


def test_a_language_is_split_by_origin_alone(snapshot):
    body = responses.part(snapshot, ALL, {"language": "en"}, CATALOG)
    shown = body["windows"]["24h"]

    assert tokens(shown["origin"]) == {"cn-open": 60, "row-proprietary": 900, "unknown": 7}
    assert shown["tokens"] == 967
    assert body["unavailable"] == sorted(ALL - {"origin", "language", "joint"})
    both = part(snapshot, language="en", origin="cn-open")
    assert (both["tokens"], tokens(both["language"])) == (60, {"en": 60})


def test_a_key_that_nothing_has_is_an_empty_part(snapshot):
    shown = part(snapshot, provider="nobody")

    assert (shown["tokens"], shown["model"]) == (0, [])
    assert {row["tokens_ratio"] for row in shown["origin"]} == {None}


def test_shares_are_of_the_part(snapshot):
    shown = part(snapshot, origin="cn-open")

    assert shown["provider"][0]["tokens_ratio"] == pytest.approx(80 / 180)


@pytest.mark.parametrize("other", ["developer", "model", "provider", "jurisdiction"])
def test_a_language_is_counted_with_origins_only(other):
    with pytest.raises(ValueError, match=f"not with {other}"):
        unavailable({"language": "en", other: "x"})


def test_every_key_of_the_whole_has_its_part(snapshot):
    whole = responses.shares(snapshot)["windows"]["24h"]
    for dimension in ("origin", "developer", "model", "provider", "jurisdiction"):
        for row in whole[dimension]:
            if row["key"] != "other":
                found = part(snapshot, **{dimension: row["key"]})
                assert found["tokens"] == row["tokens"], (dimension, row["key"])


@pytest.mark.parametrize(
    ("dimension", "chosen", "cells"),
    [
        ("model", {"origin": "cn-open"}, {"deepseek/deepseek-v3.2": 150, "other": 30}),
        ("language", {"origin": "cn-open"}, {"zh-Hans": 120, "en": 60}),
        ("origin", {"language": "en"}, {"cn-open": 60, "row-proprietary": 900, "unknown": 7}),
        ("provider", {"developer": "DeepSeek"}, {"bedrock": 80, "deepseek": 70}),
        ("law", {"provider": "bedrock"}, {"cn-open/us": 80}),
        ("origin", {"jurisdiction": "us"}, {"cn-open": 80, "row-proprietary": 900}),
    ],
)
@pytest.mark.parametrize("step", ["5m", "1h", "1d"])
def test_a_history_is_of_a_part_as_well(dimension, chosen, cells, step):
    view = Seen()
    history = History(view, CATALOG)
    view.apply(*position())
    everywhere(view, CELLS, models=MODELS)

    query = history.query(dimension, step, None, None, NOW, chosen=tuple(chosen.items()))
    (point,) = history.answer(query)["points"]

    assert {key: cell[0] for key, cell in point["cells"].items()} == cells
    assert point["tokens"] == sum(cells.values())


@pytest.mark.parametrize(
    ("ages", "since"),
    [
        ({}, None),
        ({FINE: 100, MIDDLE: 100, HOUR: 100, DAY: 100}, 100),
        # Fine panes are gone after a while: a coarse one has the start.
        ({FINE: 3600, MIDDLE: 3 * 3600, HOUR: 3 * 3600, DAY: 3 * 3600}, 3 * 3600),
        ({FINE: 3600, MIDDLE: 86_400, HOUR: 30 * 86_400, DAY: 300 * 86_400}, 300 * 86_400),
    ],
)
def test_the_start_of_all_that_is_counted_is_as_exact_as_it_is_kept(ages, since):
    view = Seen()
    view.apply(*position())
    for level, age in ages.items():
        view.apply(*pane({"cn-open/en": [1, 1, 1, 0]}, level, NOW - age))

    found = picture(view).since

    if since is None:
        assert found is None
    else:
        assert NOW - since - 86_400 < found <= NOW - since
