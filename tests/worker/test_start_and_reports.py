"""What an operator meets: settings before topics, times with their zone, and reasons in words."""

from __future__ import annotations

import asyncio
import http.server
import logging
import socket
import threading
from typing import Any

import orjson
import pytest
from server_client import sources

from streams import process
from streams.settings import Settings
from streams.web.metric_definitions import DEFINITIONS
from streams.web.server import WebPortError, make_app, serve
from streams.worker import doctor, preflight, run


@pytest.mark.parametrize(
    "wrong", [{"format": "foo"}, {"fields": "nonsense=a.b"}, {"tenant_names": "/nowhere.toml"}]
)
def test_nothing_is_asked_of_kafka_before_the_settings_are_read(monkeypatch, wrong):
    asked = []
    monkeypatch.setattr(preflight, "prepare", lambda *_: asked.append("topics"))

    assert run.run(Settings(**wrong)) == process.MISCONFIGURED
    assert asked == []


def test_times_in_logs_are_in_utc_with_their_zone():
    record = logging.LogRecord("a", logging.INFO, "", 0, "hello", (), None)
    record.created = 1_795_960_000.5
    text = process.TextFormatter("%(asctime)s %(message)s").format(record)

    assert text == "2026-11-29T13:46:40.500Z hello"
    assert orjson.loads(process.JsonFormatter().format(record))["time"] == text.split()[0]


def test_counters_by_dimension_say_that_each_dimension_has_all():
    counters = [each for each in DEFINITIONS if each.kind == "counter" and "key" in each.labels]

    assert len(counters) >= 5
    assert all("ach dimension has all" in each.help for each in counters)


async def _taken():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        await serve(make_app(sources()), "127.0.0.1", held.getsockname()[1])


def test_a_taken_port_names_the_option_and_what_make_takes():
    with pytest.raises(WebPortError) as failed:
        asyncio.run(_taken())

    assert "by --port (make demo ARGS='--port 7000') or TOKENSHARE_WEB_PORT" in str(failed.value)


class _Answer(http.server.BaseHTTPRequestHandler):
    body = b""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("body", "fact", "problem"),
    [
        (b'{"status":"ok"}', "in use by a worker", ""),
        (b"hello", "", "in use by another program"),
    ],
)
def test_doctor_asks_who_holds_the_web_port(body, fact, problem):
    handler: Any = type("Handler", (_Answer,), {"body": body})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found = doctor._web_port(Settings(web_port=server.server_port))
        server.shutdown()
        thread.join()

    assert (found.fact, found.problem) == (fact, problem)


@pytest.mark.parametrize(
    ("server", "why"),
    [("nohost.invalid:9092", "the name does not resolve"), ("127.0.0.1:1", "connection refused")],
)
def test_doctor_says_why_a_broker_is_not_reached(server, why):
    settings = Settings(bootstrap_servers=server, web_port=0)
    (found,) = [each for each in doctor.examine(settings) if each.problem == "not reached"]

    assert f"No Kafka at {server} ({why})" in found.remedy
