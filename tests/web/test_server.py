"""The HTTP server on a loopback port: its routes, its errors, its headers and its port."""

from __future__ import annotations

import asyncio
import gzip
import socket

import orjson
import pytest
from server_client import GOOD_QUESTION, ROUTES, ask, asked, sources

from streams.web.server import WebPortError, make_app, serve


def test_a_fault_inside_reaches_the_log_and_not_the_caller(caplog):
    def shares(_):
        raise RuntimeError("secret detail")

    answer = ask("/api/v1/shares", shares=shares)

    assert answer.status == 500
    assert set(answer.json) == {"type", "title", "status", "detail", "remedy"}
    assert b"secret" not in answer.body
    assert "secret detail" in caplog.text


def test_health_is_ok_whether_ready_or_not():
    answer = ask("/healthz", readiness=lambda: ["recovering"])

    assert (answer.status, answer.json) == (200, {"status": "ok"})


def test_ready_without_reasons():
    answer = ask("/readyz")

    assert (answer.status, answer.json) == (200, {"ready": True, "reasons": []})


def test_not_ready_gives_its_reasons_with_503():
    answer = ask("/readyz", readiness=lambda: ("partition 3 is missing",))

    assert answer.status == 503
    assert answer.json == {"ready": False, "reasons": ["partition 3 is missing"]}


def test_metrics_come_in_the_format_that_the_scraper_accepts():
    seen = []

    def metrics(accept):
        seen.append(accept)
        return b"# EOF\n", "application/openmetrics-text; version=1.0.0; charset=utf-8"

    answer = ask("/metrics", headers={"Accept": "application/openmetrics-text"}, metrics=metrics)

    assert seen == ["application/openmetrics-text"]
    assert answer.body == b"# EOF\n"
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v2/shares", "/static/none.js", "/static/../server.py", "/static/"]
)
def test_an_unknown_address_is_a_404_that_says_what_there_is(path):
    answer = ask(path)

    assert answer.status == 404
    assert "/api/v1/shares" in answer.json["remedy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(method):
    for answer in asyncio.run(asked(ROUTES, method)):
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"
        assert answer.json["remedy"] == "Use GET or HEAD."


def test_head_has_the_headers_of_get_and_no_body():
    paths = ["/", "/metrics", "/healthz", "/readyz", "/api/v1/shares", GOOD_QUESTION]

    heads, gets = (asyncio.run(asked(paths, method)) for method in ("HEAD", "GET"))

    for head, get in zip(heads, gets, strict=True):
        assert (head.status, head.body) == (get.status, b"")
        for name in ("Content-Length", "Content-Type"):
            assert head.headers[name] == get.headers[name]


def test_every_answer_carries_the_same_protection():
    for answer in asyncio.run(asked([*ROUTES, "/nothing", "/static/page.js"])):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Server"] == "tokenshare"


def test_a_long_body_is_compressed_for_who_takes_it():
    body = {"reasons": ["the same again"] * 200}

    answer = ask("/api/v1/shares", headers={"Accept-Encoding": "br, gzip"}, shares=lambda _: body)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert int(answer.headers["Content-Length"]) == len(answer.body) < 200
    assert orjson.loads(gzip.decompress(answer.body)) == body


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", "gzip; q=0.0"])
def test_a_long_body_stays_plain_for_who_does_not(accepted):
    body = {"reasons": ["the same again"] * 200}

    answer = ask("/api/v1/shares", headers={"Accept-Encoding": accepted}, shares=lambda _: body)

    assert "Content-Encoding" not in answer.headers
    assert answer.json == body


def test_a_short_body_stays_plain():
    assert "Content-Encoding" not in ask("/healthz", headers={"Accept-Encoding": "gzip"}).headers


def test_a_taken_port_names_the_setting_to_change():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(WebPortError, match=f"Port {port} .*TOKENSHARE_WEB_PORT"):
            asyncio.run(serve(make_app(sources()), "127.0.0.1", port))


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 6066), ("127.0.0.1", 99_999)])
def test_a_place_where_nobody_can_listen_says_what_it_must_be(host, port):
    with pytest.raises(WebPortError, match="TOKENSHARE_WEB_HOST must be an address"):
        asyncio.run(serve(make_app(sources()), host, port))


def test_an_answer_is_named_and_not_sent_again():
    first = ask("/api/v1/shares")
    again = ask("/api/v1/shares", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = ask("/api/v1/shares", headers={"If-None-Match": '"other"'})
    assert other.status == 200
