"""The HTTP server on a loopback port: its routes, its errors and its headers."""

from __future__ import annotations

import asyncio
import base64
import csv
import dataclasses
import gzip
import socket
from types import MappingProxyType

import aiohttp
import cramjam
import orjson
import pytest

from streams.web import assets, event_stream, hosts, query_limit, runner
from streams.web.access import Access
from streams.web.server import Sources, WebPortError, make_app, serve

ROUTES = [
    "/",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/v1/shares",
    "/api/v1/history",
    "/api/v1/unknown",
]
NO_WINDOWS = {"as_of": 1.5, "windows": {}}
GOOD_QUESTION = "/api/v1/history?dimension=origin&step=1h"


def answered(work):
    """Return a source that answers later, as the history does."""

    async def answer(*asked):
        return work(*asked)

    return answer


def sources(**changes):
    """Return sources with little in them; a test changes what it is about."""
    return Sources(
        **{
            "shares": lambda dimensions: {"as_of": 1.5, "ready": True},
            "history": answered(lambda asked: {"asked": dataclasses.astuple(asked)[:4]}),
            "unknown": lambda window: {"window": window},
            "shifts": lambda: {"shifts": []},
            "movers": answered(lambda asked: {"key": asked.key}),
            "moment": lambda: {"as_of": 1.5, "generated_at": 2.0, "ready": True},
            "readiness": list,
            "metrics": lambda accept: (b"up 1\n", "text/plain; version=0.0.4; charset=utf-8"),
        }
        | changes
    )


class Answer:
    """What came over the wire, with the body as it was sent."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return orjson.loads(self.body)


async def asked(paths, method="GET", headers=None, access=None, **changes):
    runner = await serve(make_app(sources(**changes), access), "127.0.0.1", 0)
    try:
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        plain = {"Accept-Encoding": "identity"} | (headers or {})
        answers = []
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            for path in paths:
                url = f"{base}{path}"
                async with session.request(method, url, headers=plain) as response:
                    answer = Answer(response.status, response.headers, await response.read())
                    answers.append(answer)
        return answers
    finally:
        await runner.cleanup()


def ask(path, method="GET", headers=None, access=None, **changes):
    return asyncio.run(asked([path], method, headers, access, **changes))[0]


def test_shares_are_the_body_that_the_source_gives():
    body = MappingProxyType(
        {"windows": MappingProxyType({"5m": {"origin": ({"key": "unknown"},)}})}
    )

    answer = ask("/api/v1/shares", shares=lambda _: body)

    assert answer.status == 200
    assert answer.json == {"windows": {"5m": {"origin": [{"key": "unknown"}]}}}
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", {"origin", "language", "developer", "model", "joint"}),
        ("?dimensions=", {"origin", "language", "developer", "model", "joint"}),
        ("?dimensions=origin", {"origin"}),
        ("?dimensions=joint,origin&format=csv", {"joint", "origin"}),
    ],
)
def test_shares_are_asked_for_by_dimension(query, wanted):
    asked = []

    ask(f"/api/v1/shares{query}", shares=lambda dimensions: asked.append(dimensions) or NO_WINDOWS)

    assert asked == [wanted]


@pytest.mark.parametrize("query", ["dimensions=tenant", "dimensions=origin,", "dimension=origin"])
def test_shares_of_no_dimension_are_a_bad_question(query):
    answer = ask(f"/api/v1/shares?{query}")

    assert answer.status == 400
    assert "dimensions" in answer.json["remedy"]


def test_a_history_question_arrives_with_its_times_as_numbers():
    answer = ask(f"{GOOD_QUESTION}&start=1763856000&end=1763900000.5")

    assert answer.json == {"asked": ["origin", "1h", 1763856000.0, 1763900000.5]}


def test_a_history_question_may_leave_its_ends_open():
    assert ask(f"{GOOD_QUESTION}&start=").json == {"asked": ["origin", "1h", None, None]}


@pytest.mark.parametrize(
    ("query", "error", "remedy"),
    [
        ("step=1h", "dimension is missing", "origin, language, developer, model, joint"),
        ("dimension=tenant&step=1h", "'tenant'", "origin, language, developer, model, joint"),
        ("dimension=origin", "step is missing", "10s, 5m, 1h, 1d, 1w"),
        ("dimension=origin&step=2h", "'2h'", "10s, 5m, 1h, 1d, 1w"),
        ("dimension=origin&step=1h&start=yesterday", "start is not a number", "unix seconds"),
        ("dimension=origin&step=1h&end=2026-01-01", "end is not a number", "unix seconds"),
        ("dimension=origin&step=1h&start=nan", "start is out of range", "unix seconds"),
        ("dimension=origin&step=1h&end=inf", "end is out of range", "unix seconds"),
        ("dimension=origin&step=1h&end=1e300", "end is out of range", "unix seconds"),
        ("dimension=origin&step=1h&start=-1", "start is out of range", "unix seconds"),
        ("dimension=origin&step=1h&start=1763856000000", "start is out of range", "unix seconds"),
        ("dimension=origin&step=1h&step=1d", "step is given 2 times", "once"),
        ("dimension=origin&step=1h&from=1", "'from'", "dimension, step, start, end, format"),
    ],
)
def test_a_bad_query_is_answered_with_its_parameter_and_the_allowed_values(query, error, remedy):
    answer = ask(f"/api/v1/history?{query}")

    assert answer.status == 400
    assert error in answer.json["detail"]
    assert remedy in answer.json["remedy"]


def test_a_question_that_the_history_itself_refuses_is_a_bad_question():
    async def history(_):
        raise ValueError("10s is kept for 70 minutes only")

    answer = ask(GOOD_QUESTION, history=history)

    assert answer.status == 400
    assert answer.json["detail"] == "10s is kept for 70 minutes only"


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


@pytest.mark.parametrize("path", ["/static/%2e%2e/server.py", "/static/index.html"])
def test_only_the_files_of_the_page_are_served(path):
    assert ask(path).status == 404


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


def test_the_page_has_no_script_and_no_style_of_its_own():
    html = ask("/").body.decode()

    assert "<style" not in html
    assert "style=" not in html
    assert "%" not in html.split("<body>")[0]
    assert all("src=" in tag for tag in html.split("<script")[1:])


def test_a_file_known_to_the_browser_is_not_sent_again():
    first = ask("/static/page.css")

    again = ask("/static/page.css", headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status, again.body) == (304, b"")


def test_the_chart_library_comes_from_its_package_and_is_kept_for_a_year():
    path, asset = assets.chart_library()

    answer = ask(f"/static/{path}", headers={"Accept-Encoding": "gzip"})

    assert f'content="static/{path}"' in ask("/").body.decode()
    assert gzip.decompress(answer.body) == asset.body
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_modules_come_without_comments_and_with_their_line_numbers():
    source = (assets.STATIC / "page.js").read_text()
    sent = ask("/static/page.js").body.decode()

    assert "\n//" in source
    assert "//" not in sent
    assert len(sent.splitlines()) == len(source.splitlines())
    for theirs, ours in zip(sent.splitlines(), source.splitlines(), strict=True):
        assert theirs in {ours, ""}


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_the_page_and_its_files_take_less_than_one_and_a_half_megabytes(coding):
    page, files = assets.page_and_assets()

    assert sum(len(file.encoded(coding)) for file in (page, *files.values())) < 1_500_000


def test_a_file_comes_in_brotli_for_who_takes_it():
    answer = ask("/static/page.css", headers={"Accept-Encoding": "gzip, deflate, br"})

    assert answer.headers["Content-Encoding"] == "br"
    assert bytes(cramjam.brotli.decompress(answer.body)) == ask("/static/page.css").body


def test_the_page_works_without_the_chart_library(monkeypatch):
    monkeypatch.setattr(assets, "CHART_LIBRARY", "a_package_that_nobody_has")

    answer = ask("/")

    assert answer.status == 200
    assert 'name="chart-library" content=""' in answer.body.decode()


def test_a_taken_port_names_the_setting_to_change():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(WebPortError, match=f"Port {port} .*TOKENSHARE_WEB_PORT"):
            asyncio.run(serve(make_app(sources()), "127.0.0.1", port))


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 6066), ("127.0.0.1", 99_999)])
def test_a_place_where_nobody_can_listen_says_what_it_must_be(host, port):
    with pytest.raises(WebPortError, match="TOKENSHARE_WEB_HOST must be an address"):
        asyncio.run(serve(make_app(sources()), host, port))


def test_unknown_models_are_asked_for_by_window():
    assert ask("/api/v1/unknown").json == {"window": "7d"}
    assert ask("/api/v1/unknown?window=1h").json == {"window": "1h"}


@pytest.mark.parametrize("query", ["window=2h", "window=", "window=1h&window=5m", "days=3"])
def test_a_window_that_does_not_exist_is_a_400_with_a_remedy(query):
    answer = ask(f"/api/v1/unknown?{query}")

    assert answer.status == 400
    assert answer.json["remedy"]


# --- who may ask

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
            told = stream.headers.get("Access-Control-Allow-Origin"), stream.headers["Vary"]
        await server.cleanup()
        return told

    assert asyncio.run(listen()) == ("https://grafana.example", "Origin")


# --- what is told again, and in another form


def test_an_answer_is_named_and_not_sent_again():
    first = ask("/api/v1/shares")
    again = ask("/api/v1/shares", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = ask("/api/v1/shares", headers={"If-None-Match": '"other"'})
    assert other.status == 200


def test_history_is_a_download_as_csv():
    body = {
        "dimension": "language",
        "step": "1d",
        "points": [
            {
                "start": 1763856000,
                "tokens": 400,
                "requests": 4,
                "cells": {"zh-Hans": [100, 1, 90, 10], "=1+1": [300, 3, 300, 0]},
            }
        ],
    }
    question = "/api/v1/history?dimension=language&step=1d&format=csv"

    answer = ask(question, history=answered(lambda _: body))

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="tokenshare-language-1d.csv"'
    )
    rows = list(csv.reader(answer.body.decode().splitlines()))
    assert rows[0] == [
        *("start", "language", "name", "tokens", "requests", "tokens_ratio", "requests_ratio")
    ]
    assert rows[1] == [
        *("2025-11-23T00:00:00Z", "zh-Hans", "Chinese (Simplified)", "100", "1", "0.25", "0.25")
    ]
    # No spreadsheet takes a name from outside for a formula.
    assert rows[2][1] == "'=1+1"


def test_the_stream_announces_new_snapshots_and_ends_with_the_server():
    moments = iter([{"as_of": 1.0}, {"as_of": 1.0}, *({"as_of": 2.0} for _ in range(100))])

    async def listen():
        app = make_app(sources(moment=lambda: next(moments)))
        runner = await serve(app, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1/events"
        async with aiohttp.ClientSession() as session, session.get(url) as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            head = await stream.content.readuntil(b"\n\n")
            events = [await stream.content.readuntil(b"\n\n") for _ in range(2)]
            ending = asyncio.create_task(runner.cleanup())
            rest = await asyncio.wait_for(stream.content.read(), 5)
            await ending
        return head, events, rest

    head, events, rest = asyncio.run(listen())
    assert head == b"retry: 2000\n\n"
    assert events == [
        b'event: picture\ndata: {"as_of":1.0}\n\n',
        b'event: picture\ndata: {"as_of":2.0}\n\n',
    ]
    assert rest == b""


def test_more_listeners_than_are_taken_are_given_a_remedy(monkeypatch):
    monkeypatch.setattr(event_stream, "MAX_LISTENERS", 0)
    answer = ask("/api/v1/events")

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "30"


# --- shifts

MOVERS = "/api/v1/shifts/movers?dimension=origin&key=cn-open&measure=tokens&window=24h"


def test_what_moved_a_share_is_asked_by_its_key():
    assert ask("/api/v1/shifts").json == {"shifts": []}
    assert ask(MOVERS).json == {"key": "cn-open"}


def test_a_shift_that_is_not_there_is_a_404():
    answer = ask(MOVERS, movers=answered(lambda _: None))

    assert answer.status == 404
    assert "'cn-open'" in answer.json["detail"]


@pytest.mark.parametrize(
    "query",
    ["", "?dimension=model&key=a&measure=tokens&window=1h", MOVERS.split("?")[1] + "&window=1h"],
)
def test_a_bad_question_for_movers_is_a_400(query):
    assert ask(f"/api/v1/shifts/movers?{query.lstrip('?')}").status == 400
    assert ask("/api/v1/shifts?key=a").status == 400


# --- many, slow and odd clients


async def raw(port, *parts, until=b""):
    """Send bytes as they are; returns what comes, to its end or to `until`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
    async with asyncio.timeout(10):
        came = await (reader.readuntil(until) if until else reader.read())
    writer.close()
    return came


def sent(*parts, until=b"", **changes):
    async def send():
        server = await serve(make_app(sources(**changes)), "127.0.0.1", 0)
        try:
            return await raw(server.addresses[0][1], *parts, until=until)
        finally:
            await server.cleanup()

    return asyncio.run(send())


SECRET = b"Bearer s3cret"


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"get / HTTP/1.1\r\nHost: a\r\nAuthorization: " + SECRET, 400),
        (b"GET / HTTP/1.1\r\nAuthorization: " + SECRET, 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: " + SECRET + b"\x01", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /?" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + SECRET * 900, 431),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: s3cret", 417),
        (b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: s3cret", 417),
    ],
)
def test_what_is_not_a_request_is_a_problem_like_others_and_is_not_logged(
    caplog, request_head, status
):
    head, _, body = sent(request_head + b"\r\n\r\n").partition(b"\r\n\r\n")

    assert head.split()[1] == b"%d" % status
    assert b"Content-Type: application/problem+json" in head
    assert b"Server: tokenshare" in head
    assert b"nosniff" in head
    assert orjson.loads(body)["remedy"]
    assert b"s3cret" not in body.replace(b"Unknown Expect: s3cret", b"")
    assert caplog.text == ""


def test_questions_that_take_long_are_worked_on_two_at_a_time_and_only_so_many_wait(monkeypatch):
    monkeypatch.setattr(query_limit, "MAX_WAITING", 3)
    now = most = 0

    async def history(_):
        nonlocal now, most
        now += 1
        most = max(now, most)
        await asyncio.sleep(0.2)
        now -= 1
        return {}

    async def ask_at_once():
        server = await serve(make_app(sources(history=history)), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.addresses[0][1]}{GOOD_QUESTION}"
        async with aiohttp.ClientSession() as session:

            async def once():
                async with session.get(url) as response:
                    return response.status, response.headers.get("Retry-After")

            answers = await asyncio.gather(*(once() for _ in range(9)))
        await server.cleanup()
        return answers

    answers = asyncio.run(ask_at_once())

    assert most == 2
    assert sorted(answers) == [(200, None)] * 5 + [(503, "5")] * 4


def test_nothing_is_worked_out_for_who_has_gone():
    steps = []

    async def history(question):
        steps.append(question.step)
        await asyncio.sleep(0.3)
        return {}

    async def go_away():
        server = await serve(make_app(sources(history=history)), "127.0.0.1", 0)
        port = server.addresses[0][1]
        writers = []
        for step in ("1h", "1h", "1d", "1d"):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            path = f"/api/v1/history?dimension=origin&step={step}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            writers.append(writer)
            await asyncio.sleep(0.02)
        for writer in writers[2:]:
            writer.close()
        await asyncio.sleep(0.5)
        await server.cleanup()

    asyncio.run(go_away())

    assert steps == ["1h", "1h"]


def test_many_who_ask_for_the_shares_of_one_snapshot_get_the_same_bytes():
    made, moments = [], iter([1.0, 1.0, 1.0, 2.0])

    def shares(dimensions):
        made.append(dimensions)
        return {"as_of": len(made)}

    paths = ["/api/v1/shares?dimensions=origin", "/api/v1/shares", *["/api/v1/shares"] * 2]

    def moment():
        return {"generated_at": next(moments)}

    answers = asyncio.run(asked(paths, shares=shares, moment=moment))

    assert [answer.json["as_of"] for answer in answers] == [1, 2, 2, 3]


def test_whoever_takes_no_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(runner, "SEND_SECONDS", 0.3)
    body = {"reasons": ["x" * 1000] * 20_000}

    async def take_nothing():
        server = await serve(make_app(sources(shares=lambda _: body)), "127.0.0.1", 0)
        listening = socket.create_connection(("127.0.0.1", server.addresses[0][1]))
        listening.sendall(b"GET /api/v1/shares HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(1)
        # A machine under load takes its time for 20 MB.
        listening.settimeout(30)
        length = 0
        try:
            while part := await asyncio.to_thread(listening.recv, 1 << 20):
                length += len(part)
        except ConnectionResetError:
            pass
        listening.close()
        await server.cleanup()
        return length

    assert 0 < asyncio.run(take_nothing()) < 20_000_000


def test_of_too_many_connections_the_idlest_is_closed(monkeypatch):
    monkeypatch.setattr(runner, "max_connections", lambda: 2)
    question = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

    async def crowd():
        server = await serve(make_app(sources()), "127.0.0.1", 0)
        port = server.addresses[0][1]
        first, half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        half[1].write(question[:20])
        await asyncio.sleep(0.05)
        first[1].write(question)
        await first[0].readuntil(b'"ok"}')
        third = await asyncio.open_connection("127.0.0.1", port)
        assert await half[0].read() == b""
        for reader, writer in (first, third):
            writer.write(question)
            assert b"200" in await reader.readuntil(b'"ok"}')
        await server.cleanup()

    asyncio.run(crowd())
