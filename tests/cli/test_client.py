"""Whoever answers in a worker's place gets no token, and does nothing to the terminal."""

from __future__ import annotations

import http.server
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from every import every
from shift_answers import shift

from streams.classify.origin import catalog_file
from streams.cli import cli, client

TOKEN = "a-token-that-nobody-else-is-to-get"
ESCAPE = "\x1b]0;owned\x07\x9b31m\u202e"
POINT = {
    "start": 1_767_571_200,
    "tokens": 5,
    "requests": 1,
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "cells": {"cn-open/en": [5, 1, 3, 2]},
}
SHARES: dict[str, Any] = {"ready": True, "windows": {}, "unknown": []}
HISTORY: dict[str, Any] = {"seconds": 3600, "points": [POINT]}
UNKNOWN: dict[str, Any] = {
    "window": "7d",
    "tokens_ratio": 0.5,
    "tokens": 9,
    "models": [
        {
            "model": "m",
            "tokens": 9,
            "requests": 1,
            "matched_by": "unknown: no rule",
            "override": '["m"]\norigin = "…"',
        }
    ],
}
GOOD = {
    "/api/v1/shares": SHARES,
    "/api/v1/history": HISTORY,
    "/api/v1/unknown": UNKNOWN,
}


#: Parsing the catalogue takes a tenth of a second.
parsed = cache(catalog_file.toml)


@pytest.fixture(autouse=True)
def _catalogue_is_parsed_once(monkeypatch):
    monkeypatch.setattr(catalog_file, "toml", parsed)


@dataclass
class Origin:
    """A server that answers as it is told to, and remembers what it was sent."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


class Handler(http.server.BaseHTTPRequestHandler):
    origin: Origin

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.origin.asked.append((path, self.headers["Authorization"]))
        answer = self.origin.answers.get(path, self.origin.answers.get("*"))
        if callable(answer):
            answer(self)
            return
        self.give(200, orjson.dumps(answer) if not isinstance(answer, bytes) else answer)

    def give(self, status: int, body: bytes = b"", reason: str = "", **headers: str) -> None:
        self.send_response_only(status, reason or None)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def origins():
    """Two servers on the loopback: to a browser, and to us, two origins."""
    started = []
    for _ in range(2):
        origin = Origin(dict(GOOD))
        handler = type("Of", (Handler,), {"origin": origin})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        origin.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        started.append((server, origin))
    yield [origin for _, origin in started]
    for server, _ in started:
        server.shutdown()
        server.server_close()


def redirect(status: int, target: str):
    return lambda handler: handler.give(status, Location=target)


def run(*arguments: object):
    return CliRunner().invoke(
        cli, [str(each) for each in arguments], env={"TOKENSHARE_WEB_TOKEN": TOKEN}
    )


SHIFT = shift()
COMMANDS = [
    ("report", "--url"),
    ("report", "--unknown", "--url"),
    ("backtest", "--from-worker"),
    ("shifts", "--url"),
    ("catalog", "diff", "built-in", "built-in", "--url"),
]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("command", [*COMMANDS, ("top", "--url")], ids=" ".join)
def test_a_token_follows_no_redirect_to_another_origin(origins, command, status):
    ours, other = origins
    ours.answers = {"*": redirect(status, f"{other.url}/x?secret=path")}

    done = run(*command, ours.url)

    assert done.exit_code == 1
    assert ours.asked[0][1] == f"Bearer {TOKEN}"
    assert other.asked == []
    assert f"redirects to {other.url.removeprefix('http://')}," in done.stderr
    assert "secret" not in done.stderr
    assert TOKEN not in done.output
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("//{host}/", "{host}"),
        ("https://{same}/api/v1/shares", "{same}"),
        ("http://localhost:{port}/", "localhost:{port}"),
        ("http://user:pass@{host}/", "{host}"),
        ("http://{same}@{host}/", "{host}"),
        ("http://[::1/", "an invalid address"),
        ("http://127.0.0.1:99999999/", "an invalid address"),
        ("file:///etc/passwd", "an invalid address"),
        ("ftp://{same}/", "{same}"),
        ("http://a\x1b7b\x07.example/", "a7b.example"),
        ("http://a\x1b]0;b\x07.example/", "an invalid address"),
    ],
)
def test_another_host_port_or_scheme_is_another_origin(origins, target, shown):
    ours, other = origins
    places = {
        "host": other.url.removeprefix("http://"),
        "same": ours.url.removeprefix("http://"),
        "port": ours.url.rpartition(":")[2],
    }
    ours.answers = {"*": redirect(307, target.format(**places))}

    with pytest.raises(client.WorkerUnreachableError) as caught:
        client.get(ours.url, "/api/v1/shares")

    assert "redirects to " + shown.format(**places) in str(caught.value)
    assert str(caught.value).isprintable()
    assert "pass" not in str(caught.value)
    assert other.asked == []
    assert len(ours.asked) == 1


def test_a_redirect_within_an_origin_is_followed_with_the_token(origins, monkeypatch):
    monkeypatch.setenv("TOKENSHARE_WEB_TOKEN", TOKEN)
    ours, _ = origins
    ours.answers |= {"/api/v1/shares": redirect(307, "/there"), "/there": SHARES}

    assert client.get(ours.url, "/api/v1/shares") == SHARES
    assert ours.asked == [(path, f"Bearer {TOKEN}") for path in ("/api/v1/shares", "/there")]


def test_a_redirect_that_leads_away_at_its_second_step_is_not_followed(origins):
    ours, other = origins
    ours.answers |= {
        "/api/v1/shares": redirect(302, "/there"),
        "/there": redirect(302, other.url),
    }

    with pytest.raises(client.WorkerUnreachableError, match="another origin"):
        client.get(ours.url, "/api/v1/shares")
    assert other.asked == []


def test_redirects_in_a_circle_end(origins):
    ours, _ = origins
    ours.answers = {"*": redirect(302, "/again")}

    with pytest.raises(client.WorkerUnreachableError, match="302"):
        client.get(ours.url, "/api/v1/shares")


def test_https_that_leads_to_http_is_another_origin():
    # Which is what keeps the token: a server with a certificate is not needed to see that.
    for away in ("http://worker:443/", "http://worker/", "https://worker:6066/", "https://x/"):
        assert client._origin(away) != client._origin("https://worker/")
    assert client._origin("https://WORKER.:443/x?y") == client._origin("https://worker/")


def test_an_answer_is_read_to_a_limit(origins, monkeypatch):
    ours, _ = origins
    sent = 0

    def endless(handler: Handler) -> None:
        nonlocal sent
        handler.send_response_only(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b" " * 2**20)
                sent += 2**20
        except OSError:
            pass

    monkeypatch.setattr(client, "MAX_BYTES", 4 * 2**20)
    ours.answers = {"*": endless}

    with pytest.raises(client.WorkerUnreachableError, match="more than 4 MiB"):
        client.get(ours.url, "/api/v1/shares")
    assert sent < 64 * 2**20


def test_an_answer_that_drips_is_given_up(origins, monkeypatch):
    ours, _ = origins
    done = threading.Event()

    def dripping(handler: Handler) -> None:
        handler.send_response_only(200)
        handler.end_headers()
        try:
            while not done.wait(0.01):
                handler.wfile.write(b" ")
        except OSError:
            pass

    monkeypatch.setattr(client, "MAX_SECONDS", 0.1)
    ours.answers = {"*": dripping}

    with pytest.raises(client.WorkerUnreachableError, match="within"):
        client.get(ours.url, "/api/v1/shares")
    done.set()


STRANGE = [
    *(b"", b"null", b"[]", b"{}", b"7", b'"text"', b"<html>", b"\xff\xfe", b"[" * 900 + b"]" * 900),
    *(b"[" * 5_000, b'{"points": {}}', b'{"points": [7]}', b'{"models": [{}]}'),
    *(
        orjson.dumps(each)
        for each in (
            HISTORY | {"points": [POINT | {"start": -1}]},
            HISTORY | {"points": [POINT | {"start": 10**17}]},
            HISTORY | {"points": [POINT | {"start": "now"}]},
            HISTORY | {"points": [POINT | {"tokens": -5}, POINT]},
            HISTORY | {"points": [POINT | {"tokens": None}]},
            HISTORY | {"points": [POINT | {"cells": {"cn-open/en": [1]}}]},
            HISTORY | {"points": [POINT | {"cells": {"cn-open/en": ["1"] * 4}}]},
            HISTORY | {"points": [POINT | {"cells": [1]}]},
            HISTORY | {"points": [POINT | {"cells": {"cn-open/en": [5, 1, None, 2]}}]},
            HISTORY | {"points": [POINT | {"cells": {"cn-open/en": [5, 1, 3, 2, "9"]}}]},
            HISTORY | {"points": [POINT | {"cost": "9"}]},
            SHARES | {"windows": []},
            SHARES | {"windows": {"7d": {"model": [{"key": 7}]}}},
            UNKNOWN | {"models": [{"model": 7}]},
            UNKNOWN | {"tokens_ratio": "all"},
        )
    ),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@every(STRANGE, name=lambda body: repr(body[:60]))
def test_a_strange_answer_is_an_error_and_no_traceback(body, origins, command):
    ours, _ = origins
    for answers in ({"*": body}, GOOD | {"/api/v1/history": body}):
        ours.answers = answers

        done = run(*command, ours.url)

        assert isinstance(done.exception, SystemExit | None), repr(done.exception)
        assert done.exit_code == 0 or done.stderr.startswith("tokenshare: ")


@pytest.mark.parametrize(
    "extra",
    [
        {"cells": {"cn-open/en": [5, 1, 3, 2, 9, 9, 9]}},
        {"cells": {"cn-open/en": [5, 1, 3, 2, None, None]}},
        {"cells": {"cn-open/en": [5, 1, 3, 2, 4, 1e29]}, "cost": 1e29},
        {"cells": {"no slash": [5, 1, 3, 2]}},
        {"cells": {}},
        {"start": 0},
        {"start": 2.4e11, "tokens": 1e29},
        {"more": [{}]},
    ],
    ids=str,
)
@pytest.mark.parametrize("command", COMMANDS[:3:2], ids=" ".join)
def test_figures_at_the_edge_end_no_command_with_a_traceback(origins, command, extra):
    ours, _ = origins
    ours.answers["/api/v1/history"] = HISTORY | {"points": [POINT | extra]}

    done = run(*command, ours.url)

    assert isinstance(done.exception, SystemExit | None), repr(done.exception)


@pytest.mark.parametrize(
    "answer",
    [
        lambda handler: handler.wfile.write(b"\x1b]0;owned\x07 no HTTP\r\n\r\n"),
        lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le"),
        lambda handler: handler.wfile.write(b""),
        lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
        lambda handler: handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        ),
        lambda handler: handler.give(503, b"", "\x1b]0;owned\x07"),
        lambda handler: handler.give(503, orjson.dumps({"detail": ESCAPE, "remedy": ESCAPE})),
        lambda handler: handler.give(503, orjson.dumps({"detail": [ESCAPE]})),
        lambda handler: handler.give(503, orjson.dumps([ESCAPE])),
        lambda handler: handler.give(503, b"x" * 1_000_000),
    ],
)
def test_what_is_not_an_answer_is_reported_without_what_it_says_to_a_terminal(origins, answer):
    ours, _ = origins
    ours.answers = {"*": answer}

    done = run("report", "--url", ours.url)

    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert done.stderr.rstrip("\n").isprintable()
    assert len(done.stderr) < 1_000


@pytest.mark.parametrize("as_json", [False, True])
def test_control_characters_of_an_answer_reach_no_terminal(origins, as_json):
    ours, _ = origins
    (model,) = UNKNOWN["models"]
    named = {name: ESCAPE + str(value) for name, value in model.items() if name != "tokens"}
    ours.answers = {
        "/api/v1/unknown": UNKNOWN
        | {
            "window": f"7d{ESCAPE}",
            "models": [named | {"tokens": 9, "requests": 1, ESCAPE: {ESCAPE: ESCAPE}}],
        },
        "/api/v1/history": HISTORY
        | {"points": [POINT | {"cells": {f"cn-open{ESCAPE}/e{ESCAPE}n": [5, 1, 3, 2]}}]},
        "/api/v1/shares": SHARES
        | {
            "windows": {"7d": {"model": [{"key": f"a{ESCAPE}"}]}},
            "unknown": [{"model": f"qwen{ESCAPE}"}],
        },
        "/api/v1/shifts": {
            "baseline_days": 28.0,
            "needed_days": 21,
            "shifts": [SHIFT | {"sentence": f"a{ESCAPE} +9.1 points", "name": ESCAPE}],
        },
    }
    for command in COMMANDS:
        done = run(*command, ours.url, *(["--json"] if as_json else []))

        assert done.exit_code == 0, done.output
        assert "\\u001b" not in done.output
        for line in done.output.splitlines():
            assert line.isprintable(), ascii(line)


def test_an_override_keeps_its_lines(origins):
    ours, _ = origins

    assert '["m"]\norigin = "…"\n' in run("report", "--unknown", "--url", ours.url).stdout


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("text/html", b"data: {}\n\n", "it is no stream of events"),
        ("text/event-stream", b"data: " + b"x" * 2**20, "a line is too long"),
    ],
)
def test_a_stream_that_no_worker_sends_is_refused(origins, kind, body, why):
    ours, _ = origins
    ours.answers = {"*": lambda handler: handler.give(200, body, **{"Content-Type": kind})}

    with pytest.raises(client.WorkerUnreachableError, match=why):
        list(client.announcements(ours.url))


def test_each_event_of_a_stream_is_an_announcement(origins, monkeypatch):
    monkeypatch.setenv("TOKENSHARE_WEB_TOKEN", TOKEN)
    ours, other = origins
    body = (
        b"retry: 2000\n\nevent: picture\ndata: {}\n\n: still here\n\nevent: picture\ndata: {}\n\n"
    )
    kind = {"Content-Type": "text/event-stream; charset=utf-8"}
    ours.answers = {"*": lambda handler: handler.give(200, body, **kind)}

    assert len(list(client.announcements(ours.url))) == 2
    assert ours.asked == [("/api/v1/events", f"Bearer {TOKEN}")]
    ours.answers = {"*": redirect(302, other.url)}
    with pytest.raises(client.WorkerUnreachableError, match="another origin"):
        list(client.announcements(ours.url))
    assert other.asked == []


def test_no_row_of_a_table_writes_to_the_terminal(origins):
    ours, _ = origins
    rows = [{"key": f"m{ESCAPE}", "tokens": 5, "requests": 1, "tokens_ratio": 1.0}]
    body = {"as_of": 1.0, "ready": True, "reasons": [], "simulated": False}
    ours.answers = {"*": body | {"windows": {"24h": {"tokens": 5, "model": rows}}}}

    done = run("top", "--by", "model", "--url", ours.url)
    assert done.exit_code == 0
    assert done.stdout.replace("\n", "").isprintable()
    ours.answers = {"*": body | {"windows": {"24h": {"model": [{"key": [1]}]}}}}
    assert "does not match /api/v1/shares" in run("top", "--url", ours.url).stderr
