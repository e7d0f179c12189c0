"""Who may ask a server: tokens, host names, and pages of other origins."""

from __future__ import annotations

import asyncio
import base64
import socket

import aiohttp
import pytest
from server_client import GOOD_QUESTION, ask, sources

from streams.web import hosts
from streams.web.access import Access
from streams.web.server import make_app, serve

OPEN = ["/healthz", "/readyz", "/metrics"]
CLOSED = ["/", "/static/page.js", "/api/v1/shares", "/api/v1/unknown", "/api/v1/openapi.json"]
GUARDED = Access(token="s3cret-ä")


def basic(password):
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


@pytest.mark.parametrize("path", [*CLOSED, "/nothing", GOOD_QUESTION])
def test_with_a_token_nobody_gets_anything_without_it(path):
    answer = ask(path, access=GUARDED)

    assert answer.status == 401
    assert answer.json["remedy"]
    assert answer.headers.getall("WWW-Authenticate") == [
        'Bearer realm="tokenshare"',
        'Basic realm="tokenshare", charset="UTF-8"',
    ]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer wrong",
        "Bearer s3cret",
        "Basic !!",
        basic("wrong"),
        basic(""),
        "s3cret-ä",
    ],
)
def test_a_wrong_token_is_refused(given):
    assert ask("/api/v1/shares", headers={"Authorization": given}, access=GUARDED).status == 401


@pytest.mark.parametrize("given", ["Bearer s3cret-ä", "bearer  s3cret-ä ", basic("s3cret-ä")])
@pytest.mark.parametrize("path", CLOSED)
def test_the_right_token_opens_all(path, given):
    assert ask(path, headers={"Authorization": given}, access=GUARDED).status == 200


@pytest.mark.parametrize("path", OPEN)
def test_health_and_metrics_ask_for_no_token(path):
    assert ask(path, access=GUARDED).status == 200


HERE = ["127.0.0.1:6066", "[::1]:6066", "localhost", "LocalHost.:80", "a.localhost", "10.0.0.7"]
ELSEWHERE = [
    *("evil.example:6066", "localhost.evil.example", "127.0.0.1.evil.example", "[", "a:b"),
    *("localhost..", "me@evil.example", "evil.example@localhost", "worker", "[::1].evil.example"),
]


@pytest.mark.parametrize(
    "listens", ["127.0.0.1", "::1", "localhost", "127.0.0.2", "LOCALHOST", "0.0.0.0", "::", ""]
)
def test_without_a_token_a_server_answers_to_its_own_names_only(listens):
    # A page whose name has come to stand for 127.0.0.1 would be of the same origin.
    access = Access(host=listens)

    for host in HERE:
        assert ask("/api/v1/shares", headers={"Host": host}, access=access).status == 200, host
    for host in ELSEWHERE:
        answer = ask("/metrics", headers={"Host": host}, access=access)
        assert answer.status == 421, host
        assert "TOKENSHARE_WEB_TOKEN" in answer.json["remedy"]
        assert "TOKENSHARE_WEB_HOSTS" in answer.json["remedy"]
        assert ask("/", headers={"Host": host}, access=access).status == 421, host


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_whoever_asks_for_a_token_answers_to_any_name(host):
    headers = {"Host": "tokenshare.example", "Authorization": "Bearer s3cret"}

    access = Access("s3cret", (), host)
    assert ask("/api/v1/shares", headers=headers, access=access).status == 200


@pytest.mark.parametrize(
    "name",
    ["worker", "Shares.Example.", "shares.example:6066", "here.example", socket.gethostname()],
)
def test_names_that_are_listed_and_those_of_the_machine_are_answered(name):
    access = Access(host="here.example", hosts=("Worker", "shares.example"))

    assert ask("/metrics", headers={"Host": name}, access=access).status == 200
    assert ask("/metrics", headers={"Host": f"x{name}"}, access=access).status == 421


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST", "LocalHost."),
        *("localhost.", "127.0.0.1.", "::ffff:127.0.0.1", "[::FFFF:7F00:1]", "0:0:0:0:0:0:0:1"),
    ],
)
def test_the_loopback_is_known_however_it_is_written(host):
    assert hosts.is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "localhost.example"),
        *("localhosts", "127.0.0.1.example", "128.0.0.1", "[::1", "worker"),
    ],
)
def test_anything_else_is_not_loopback(host):
    assert not hosts.is_loopback(host)


def test_pages_of_other_origins_may_not_read_by_default():
    answer = ask("/api/v1/shares", headers={"Origin": "https://other.example"})

    assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_pages_of_named_origins_may_read_and_others_may_not():
    access = Access("s3cret", ("https://grafana.example",))
    mine = {"Origin": "https://grafana.example", "Authorization": "Bearer s3cret"}

    answer = ask("/api/v1/shares", headers=mine, access=access)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://grafana.example"
    assert "Origin" in ", ".join(answer.headers.getall("Vary"))

    other = ask("/api/v1/shares", headers=mine | {"Origin": "https://evil.example"}, access=access)
    assert "Access-Control-Allow-Origin" not in other.headers

    # A browser asks first, without the token.
    preflight = {"Origin": "https://grafana.example", "Access-Control-Request-Method": "GET"}
    first = ask("/api/v1/shares", "OPTIONS", preflight, access=access)
    assert first.status == 204
    assert first.headers["Access-Control-Allow-Headers"] == "Authorization"


@pytest.mark.parametrize("origin", ["https://grafana.example", "https://Grafana.Example"])
def test_pages_of_named_origins_may_listen_whatever_the_case_of_the_name(origin):
    async def listen():
        app = make_app(sources(), Access("", (origin,)))
        server = await serve(app, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.addresses[0][1]}/api/v1/events"
        headers = {"Origin": "https://grafana.example"}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as stream:
            given = stream.headers.get("Access-Control-Allow-Origin"), stream.headers["Vary"]
        await server.cleanup()
        return given

    assert asyncio.run(listen()) == ("https://grafana.example", "Origin")


def ancestors(*named):
    policy = ask("/", access=Access(frame_ancestors=named)).headers["Content-Security-Policy"]
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    return directives.pop("frame-ancestors"), directives


def test_no_page_may_embed_it_unless_it_is_named():
    default, others = ancestors()

    assert default == "'none'"
    assert ancestors("self", "https://wiki.example.org") == (
        "'self' https://wiki.example.org",
        others,
    )
