"""Shares of tenants: what adds up, what names none, and what is not counted together."""

from __future__ import annotations

import json
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from made_up import served
from test_view import CATALOG, NOW, Seen, everywhere, pane, picture, position

from streams.classify.tenant_names import TenantNames
from streams.settings import load
from streams.shares.filtered import unavailable
from streams.shares.history import History
from streams.shares.tenants import TenantShares
from streams.state.codec import PaneKey, encode_pane, pane_key
from streams.state.pane import HOUR, TENANTS, Pane, pane_start
from streams.web import tenant_responses
from streams.worker.web_sources import sources

CELLS = {
    "cn-open/zh-Hans": [3, 100, 20, 0],
    "cn-open/en": [2, 50, 10, 0],
    "row-proprietary/en": [5, 800, 100, 0],
}
#: Team a has 150 tokens, team b 900; 30 tokens of Chinese open models name no tenant.
OF_TENANTS = {
    "a/o/cn-open": [4, 125, 25, 0],
    "a/l/zh-Hans": [2, 80, 10, 0],
    "a/l/en": [2, 45, 15, 0],
    "b/o/row-proprietary": [5, 800, 100, 0],
    "b/l/en": [5, 800, 100, 0],
}


def of_tenants(tenants, at=NOW, partition=0, stamp=1):
    key = pane_key(partition, PaneKey(TENANTS, pane_start(TENANTS, at)))
    return key, encode_pane(Pane({}, {}, tenants, stamp), 1)


@pytest.fixture(scope="module")
def view():
    made = Seen()
    made.apply(*position())
    everywhere(made, CELLS)
    made.apply(*of_tenants(OF_TENANTS))
    return made


def name_of(tenant):
    return {"a": "Team A"}.get(tenant, tenant)


def shares(view, *dimensions, **chosen):
    tenants = TenantShares(view, History(view, CATALOG))
    snapshot = picture(view)
    counted = tenants.windows(tenants.panes(snapshot.as_of))
    return tenant_responses.shares(
        snapshot, frozenset(dimensions), chosen, CATALOG, counted, tenant_name=name_of
    )


def tokens(rows):
    return {row["key"]: row["tokens"] for row in rows if row["tokens"]}


def test_tenants_and_what_names_none_add_up_to_all_traffic(view):
    windows = shares(view, "tenant", "origin")["windows"]

    for name in ("24h", "7d"):
        assert tokens(windows[name]["tenant"]) == {"b": 900, "a": 150, "unknown": 30}
        assert sum(row["tokens_ratio"] for row in windows[name]["tenant"]) == pytest.approx(1)
    assert [row.get("name") for row in windows["7d"]["tenant"]] == [
        *(None, "Team A", "No tenant named"),
    ]
    # By the hour no shorter window is known; the other dimensions are there all the same.
    assert "tenant" not in windows["1h"]
    assert tokens(windows["1h"]["origin"]) == {"cn-open": 180, "row-proprietary": 900}
    # Not counted by tenant is not known, and no zero.
    assert {row["cost"] for row in windows["7d"]["tenant"]} == {None}
    assert {row["uncached_tokens"] for row in windows["7d"]["tenant"]} == {None}
    assert windows["7d"]["tenant"][0]["output_tokens"] == 100


def test_a_tenant_has_its_origins_and_its_languages(view):
    body = shares(view, "origin", "language", "model", tenant="a")

    assert {*body["windows"]} == {"24h", "7d"}
    shown = body["windows"]["24h"]
    assert (shown["tokens"], shown["requests"], shown["everything"]["tokens"]) == (150, 4, 1080)
    assert tokens(shown["origin"]) == {"cn-open": 150}
    assert tokens(shown["language"]) == {"zh-Hans": 90, "en": 60}
    assert body["unavailable"] == ["model"]
    assert "model" not in shown


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"origin": "cn-open"}, {"a": 150, "unknown": 30}),
        ({"origin": "row-proprietary"}, {"b": 900}),
        ({"language": "en"}, {"b": 900, "a": 60}),
        ({"tenant": "a", "language": "en"}, {"a": 60}),
        ({"tenant": "a", "origin": "cn-open"}, {"a": 150}),
        ({"tenant": "nobody"}, {}),
    ],
)
def test_a_part_has_its_tenants(view, chosen, found):
    assert tokens(shares(view, "tenant", **chosen)["windows"]["7d"]["tenant"]) == found


@pytest.mark.parametrize(
    "chosen", [{"provider": "x"}, {"model": "x"}, {"origin": "cn-open", "language": "en"}]
)
def test_what_is_not_counted_by_tenant_is_named(view, chosen):
    body = shares(view, "tenant", "origin", **chosen)

    assert body["unavailable"] == ["tenant"]
    with pytest.raises(ValueError, match="tenant is counted with origin or with language"):
        unavailable(chosen | {"tenant": "a"})


def hours_ago(hours):
    return NOW - hours * 3600


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 30),  # hours ago
        st.integers(0, 1),  # partition
        st.dictionaries(
            st.sampled_from(["a/o/cn-open", "b/o/cn-open", "b/o/row-open", "other/o/cn-open"]),
            st.integers(1, 9),
            max_size=4,
        ),
        st.integers(0, 3),  # hours that pass before the shares are asked for
    ),
    max_size=12,
)


@settings(max_examples=examples(100), deadline=None)
@given(CHANGES)
def test_sums_kept_from_one_question_to_the_next_equal_sums_of_all_hours(changes):
    view = Seen()
    history = History(view, CATALOG)
    kept = TenantShares(view, history)
    now = NOW
    for stamp, (hours, partition, tenants, passing) in enumerate(changes, start=1):
        counts = {key: [n, n, 0, 0] for key, n in tenants.items()}
        cells = {"cn-open/en": [40, 40, 0, 0], "row-open/en": [40, 40, 0, 0]}
        at = hours_ago(hours)
        view.apply(*pane(cells, HOUR, at=at, partition=partition, stamp=stamp))
        view.apply(*of_tenants(counts, at=at, partition=partition, stamp=stamp))
        now += passing * 3600
        found = kept.windows(kept.panes(now))
        fresh = TenantShares(view, history)
        again = fresh.windows(fresh.panes(now))
        for name in ("24h", "7d"):
            for chosen in ({}, {"origin": "cn-open"}, {"tenant": "b"}):
                assert found[name].cells("tenant", chosen) == again[name].cells("tenant", chosen)


def test_the_history_of_tenants_is_by_the_hour_for_nine_days():
    view = Seen()
    for hours in (0, 1, 30, 10 * 24):
        view.apply(*pane(CELLS, HOUR, at=hours_ago(hours)))
        view.apply(*of_tenants(OF_TENANTS, at=hours_ago(hours)))
    tenants = TenantShares(view, History(view, CATALOG))

    def points(dimension, step, **chosen):
        body = tenants.history(tenants.panes(NOW, 0), dimension, step, chosen)
        return [{key: cell[0] for key, cell in each["cells"].items()} for each in body["points"]]

    assert points("tenant", "1h") == 3 * [{"a": 150, "b": 900, "unknown": 30}]
    assert points("language", "1h", tenant="a") == 3 * [{"zh-Hans": 90, "en": 60}]
    assert points("tenant", "1w", origin="cn-open") == [{"a": 450, "unknown": 90}]


@pytest.fixture(scope="module")
def address(view):
    worker = SimpleNamespace(
        snapshot=picture(view),
        history=History(view, CATALOG),
        view=view,
        settings=load(),
        tenant_names=TenantNames(),
    )
    with served(sources_of(worker)) as found:
        yield found


def sources_of(worker):
    names = ("readiness", "flush_seconds", "flush_failures", "rebalances")
    for name in names:
        setattr(worker, name, tuple)
    return sources(worker)


def ask(address, query):
    with urlopen(f"{address}api/v1/{query}") as answer:
        return json.load(answer)


def test_the_api_answers_by_tenant(address):
    body = ask(address, "shares?dimensions=tenant")
    assert tokens(body["windows"]["7d"]["tenant"]) == {"b": 900, "a": 150, "unknown": 30}
    body = ask(address, "shares?dimensions=language&tenant=a")
    assert tokens(body["windows"]["7d"]["language"]) == {"zh-Hans": 90, "en": 60}
    body = ask(address, "history?dimension=origin&step=1h&tenant=b")
    assert body["points"][0]["cells"]["row-proprietary"][:2] == [900, 5]
    # Who names no dimension is not told about tenants.
    assert "tenant" not in ask(address, "shares")["windows"]["7d"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("history?dimension=origin&step=5m&tenant=b", 409, "counted by the hour"),
        ("history?dimension=tenant&step=10s", 409, "counted by the hour"),
        ("history?dimension=model&step=1h&tenant=b", 409, "not counted together with tenant"),
        ("shares?tenant=a&provider=x", 409, "tenant is counted with origin or with language"),
        ("shares?tenant=unknown", 400, "tenant cannot be 'unknown'"),
    ],
)
def test_what_tenants_are_not_counted_by_is_refused_with_the_reason(address, query, status, words):
    with pytest.raises(HTTPError) as refused:
        ask(address, query)

    assert refused.value.code == status
    assert words in json.load(refused.value)["detail"]
