"""What a web page could send to a bridge is refused."""

from __future__ import annotations

import os

import orjson
import pytest
from bridge_posts import EVENT, BridgeProcess, authorized

pytestmark = [pytest.mark.kafka, pytest.mark.any_broker]


@pytest.fixture(scope="module")
def tokenless(bootstrap, tmp_path_factory):
    """A bridge on the loopback that asks for no token, and is called by one more name."""
    name = f"tokenless-{os.getpid()}"
    log = tmp_path_factory.mktemp("tokenless") / "bridge.log"
    bridge = BridgeProcess(
        log, bootstrap_servers=bootstrap, topic=name, group=name, bridge_hosts="bridge.example,"
    ).start()
    bridge.wait_ready()
    yield bridge
    assert bridge.stop() == 0
    assert "Traceback" not in bridge.said()


@pytest.mark.parametrize("path", ["/", "/v1/events", "/v1/traces"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:9"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "Cross-Site"},
        {"Sec_Fetch_Site": "none, cross-site"},
    ],
    ids=str,
)
def test_a_web_page_of_another_origin_may_not_post(tokenless, path, headers):
    status, answer = tokenless.post(EVENT, path, Content_Type="text/plain", **headers)

    assert status == 403
    assert "TOKENSHARE_BRIDGE_TOKEN" in answer["remedy"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:6067", "localhost.evil.example"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/"), ("POST", "/v1/traces"), ("GET", "/metrics"), ("GET", "/x")]
)
def test_a_name_that_nobody_has_given_the_bridge_is_refused(tokenless, method, path, host):
    status, _, body = tokenless.ask(method, path, orjson.dumps(EVENT), Host=host)

    assert status == 421
    assert "TOKENSHARE_BRIDGE_HOSTS" in orjson.loads(body)["remedy"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:6067"},
        {"Host": "LOCALHOST."},
        {"Host": "[::1]:6067"},
        {"Host": "Bridge.Example:80"},
        {"Host": "localhost:1", "Origin": "http://localhost:1", "Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
    ],
    ids=str,
)
def test_gateways_and_the_bridge_s_own_origin_may_post(tokenless, headers):
    assert tokenless.post(EVENT, **headers)[0] == 202


def test_with_a_token_names_and_pages_are_nobody_s_business(shared):
    headers = {"Host": "bridge.example", "Origin": "https://app.example"}

    assert authorized(shared, EVENT, **headers)[0] == 202
