"""The description of the API is true: requests made from it get the answers it promises."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from laws import examples
from made_up import served
from schemathesis.checks import load_all_checks
from test_view import CATALOG, NOW, Seen, everywhere, picture, position

from streams.classify.keys import ALL_DIMENSIONS
from streams.classify.tenant_names import TenantNames
from streams.settings import load
from streams.shares.history import History
from streams.shares.policy import Group, Policy
from streams.state.codec import PaneKey, encode_pane, pane_key
from streams.state.pane import TENANTS, Pane, pane_start
from streams.web import openapi, responses
from streams.web.server import make_app
from streams.web.snapshot import PartitionStatus
from streams.worker.web_sources import sources

load_all_checks()


def worker():
    """Return what the server reads of a worker that has counted a little."""
    view = Seen()
    history = History(view, CATALOG)
    view.apply(*position())
    everywhere(view, {"cn-open/zh-Hans": [2, 100, 20, 9000], "unknown/en/prod-chat": [1, 7, 0, 49]})
    facts = dict.fromkeys(("flush_seconds", "flush_failures", "rebalances"), 0)
    return SimpleNamespace(
        snapshot=picture(view),
        history=history,
        view=view,
        catalog=CATALOG,
        settings=load(),
        readiness=tuple,
        follower=SimpleNamespace(recovery_seconds=0.1),
        overrides_are_good=None,
        overrides_loaded_at=NOW,
        tenant_names=TenantNames(),
        letter_sender=SimpleNamespace(lost=0),
        clock=SimpleNamespace(offset=None),
        **facts,
    )


# A stream has no end to wait for; tests/web/test_event_stream.py listens to one.
OPERATIONS = {
    operation.ok().path: operation.ok()
    for operation in schemathesis.openapi.from_dict(openapi.DOCUMENT).get_all_operations()
    if operation.ok().path != "/api/v1/events"
}


@pytest.fixture(scope="module")
def address():
    with served(sources(worker())) as found:
        yield found


@pytest.mark.parametrize("path", OPERATIONS)
def test_requests_made_from_the_description_are_answered_as_it_says(address, path):
    @settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=OPERATIONS[path].as_strategy())
    def holds(case):
        case.call_and_validate(base_url=address)

    holds()


def test_every_path_of_the_api_is_described():
    app = make_app(sources(worker()))
    paths = {resource.canonical for resource in app.router.resources()}

    assert set(openapi.DOCUMENT["paths"]) == {
        path for path in paths if path not in {"/", "/api"} and not path.startswith("/static")
    }


def test_the_shares_of_a_worker_are_those_of_the_dimensions_asked_for(address):
    with urlopen(f"{address}api/v1/shares?dimensions=joint,model") as answer:
        windows = json.load(answer)["windows"]

    assert {*windows["7d"]} & {*ALL_DIMENSIONS} == {"joint", "model"}
    assert windows["7d"]["joint"][0]["language"] == "zh-Hans"


@pytest.mark.parametrize(
    ("position", "end", "shown"), [(12, 10, 12), (8, 10, 10), (None, 10, 10), (8, None, None)]
)
def test_a_partition_is_never_read_beyond_its_end(position, end, shown):
    read = PartitionStatus(0, position, end, NOW, is_owned=True)
    seen = dataclasses.replace(worker().snapshot, partitions=(read,))

    (partition,) = responses.shares(seen)["pipeline"]["partitions"]

    assert partition["end_offset"] == shown


def test_a_policy_is_answered_without_a_tenant():
    tenant = "9f2c1ab04d77e310"
    found = worker()
    keys = {f"{tenant}/o/cn-open": [1, 30, 0, 0], f"{tenant}/o/row-open": [1, 10, 0, 0]}
    hour = PaneKey(TENANTS, pane_start(TENANTS, found.snapshot.as_of))
    found.view.apply(pane_key(0, hour), encode_pane(Pane({}, {}, keys, 1), 1))
    groups = (
        Group("eu", frozenset({tenant}), ("cn-open",)),
        Group("us", frozenset(), ("unknown",)),
    )
    known = Policy(groups, b"", True, NOW)
    found.snapshot = dataclasses.replace(found.snapshot, policy=known)
    described = schemathesis.openapi.from_dict(openapi.DOCUMENT)["/api/v1/policy"]["GET"]

    with served(sources(found)) as address:
        answer = described.Case().call(base_url=address)
    described.validate_response(answer)
    body = answer.json()

    assert (body["read_at"], body["is_current"]) == (NOW, True)
    eu, us = body["windows"]["24h"]
    assert (eu["tokens"], eu["excluded_tokens"], eu["excluded_ratio"]) == (40, 30, 0.75)
    assert eu["origins"] == [{"key": "cn-open", "name": "Chinese open", "tokens": 30}]
    assert (us["tokens"], us["excluded_tokens"], us["excluded_ratio"]) == (0, 0, None)
    assert body["windows"]["7d"] == body["windows"]["24h"]
    assert tenant not in answer.text


def test_names_of_tenants_are_on_no_metric():
    found = worker()
    found.tenant_names = TenantNames({"9f2c1ab04d77e310": "Secretco"}, is_current=True)
    body, _ = sources(found).metrics("")

    assert b"llm_" in body
    assert b"Secretco" not in body
    assert b"9f2c1ab04d77e310" not in body
