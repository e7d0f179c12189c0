"""A running bridge answers posts of events."""

from __future__ import annotations

import gzip
import http.client
import shlex
import socket
import time
import zlib
from pathlib import Path

import orjson
import pytest
from bridge_posts import EVENT, SECRET, TOKEN, authorized
from processes import wait_until

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("path", ["/", "/v1/events"])
def test_an_event_is_accepted(shared, path):
    assert authorized(shared, EVENT, path) == (202, {"accepted": 1, "skipped": 0, "rejected": []})


def test_the_post_of_the_manual_is_answered_as_it_says(shared):
    gateways = (Path(__file__).parents[2] / "docs/gateways.md").read_text()
    (line,) = (
        each for each in gateways.splitlines() if each.startswith("curl -s http://127.0.0.1:6067")
    )
    _, _, url, _, body = shlex.split(line)
    form = "application/x-www-form-urlencoded"  # what curl says of what it posts
    status, answer = authorized(
        shared, body.encode(), "/" + url.split("/", 3)[3], Content_Type=form
    )

    assert status == 202
    assert f"`{orjson.dumps(answer).decode()}`" in gateways


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        (orjson.dumps([EVENT] * 3), 3),
        (b"\n".join([orjson.dumps(EVENT)] * 4), 4),
        (orjson.dumps([EVENT | {"n": n} for n in range(1_500)]), 1_500),
    ],
    ids=["an array", "lines", "more than is read in the event loop"],
)
def test_many_events_are_accepted(shared, body, accepted):
    assert authorized(shared, body) == (
        202,
        {"accepted": accepted, "skipped": 0, "rejected": []},
    )


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)],
)
def test_a_compressed_body_is_accepted(shared, coding, pack):
    body = pack(orjson.dumps([EVENT] * 1_500))

    assert authorized(shared, body, Content_Encoding=coding)[1]["accepted"] == 1_500


def test_each_item_has_its_own_fate(shared):
    status, answer = authorized(shared, [EVENT, EVENT | {"model": ""}, {"model": "m"}])

    assert status == 202
    assert answer["accepted"] == 1
    assert [each["reason"] for each in answer["rejected"]] == ["no_model", "missing_field"]


def test_what_holds_nothing_to_count_is_not_a_fault(shared):
    assert authorized(shared, []) == (202, {"accepted": 0, "skipped": 1, "rejected": []})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (f'{{"said": "{SECRET}"'.encode(), "not_json"),
        (b"\xff{", "not_utf8"),
        (b'"text"', "not_an_object"),
        (orjson.dumps(EVENT | {"prompt_tokens": 1.5}), "bad_count"),
        (orjson.dumps(EVENT | {"ts": SECRET}), "bad_time"),
        (orjson.dumps({"prompt_tokens": SECRET, "model": SECRET}), "missing_field"),
        (b"[" * 5_000, "not_json"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_the_reason(shared, body, reason):
    status, answer = authorized(shared, body)

    assert status == 400
    assert answer["rejected"][0]["reason"] == reason
    assert reason in answer["error"]
    assert answer["remedy"]
    assert SECRET not in repr(answer)


def test_without_the_token_nothing_is_taken(shared):
    before = shared.metric('tokenshare_bridge_events_total{reason="",result="accepted"}')
    for said in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}):
        status, headers, answer = shared.ask("POST", "/", orjson.dumps(EVENT), **said)

        assert status == 401
        assert headers["WWW-Authenticate"].startswith("Bearer")
        assert orjson.loads(answer).keys() == {"error", "remedy"}
    assert shared.post(EVENT, Authorization=f"bearer  {TOKEN}")[0] == 202
    assert shared.metric('tokenshare_bridge_events_total{reason="",result="accepted"}') == (
        before + 1
    )


def test_health_and_metrics_need_no_token(shared):
    for path in ("/healthz", "/readyz", "/metrics"):
        assert shared.ask("GET", path)[0] == 200


def test_a_body_that_is_too_large_is_refused(shared):
    for body, headers in (
        (b" " * 200_001, {}),
        (gzip.compress(b" " * 200_001), {"Content_Encoding": "gzip"}),
    ):
        status, answer = authorized(shared, body, **headers)

        assert status == 413
        assert "TOKENSHARE_BRIDGE_MAX_BODY_BYTES" in answer["remedy"]


def test_a_body_of_unknown_length_is_refused_where_it_gets_too_large(shared):
    def chunks():
        for _ in range(30):
            yield b" " * 10_000

    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=20)
    connection.request("POST", "/", chunks(), {"Authorization": f"Bearer {TOKEN}"})
    assert connection.getresponse().status == 413
    connection.close()


def test_a_bomb_costs_bounded_memory(shared):
    bomb = gzip.compress(bytes(100_000_000))
    assert len(bomb) < 200_000
    before = shared.metric("process_resident_memory_bytes")
    for _ in range(3):
        assert authorized(shared, bomb, Content_Encoding="gzip")[0] == 413

    assert shared.metric("process_resident_memory_bytes") - before < 20_000_000


def test_a_body_that_is_not_compressed_as_it_says_is_refused(shared):
    assert authorized(shared, EVENT, Content_Encoding="gzip")[0] == 400


def test_a_refused_body_is_forgotten_at_once(shared):
    body = b"x" * 190_000
    assert authorized(shared, body)[0] == 400
    before = shared.metric("process_resident_memory_bytes")
    for _ in range(200):
        assert authorized(shared, body)[0] == 400

    assert shared.metric("process_resident_memory_bytes") - before < 10_000_000


def test_an_unknown_compression_is_refused_with_those_that_are_known(shared):
    status, headers, _ = shared.ask(
        "POST", "/", b"x", Content_Encoding="br", Authorization=f"Bearer {TOKEN}"
    )

    assert status == 415
    assert "gzip" in headers["Accept-Encoding"]


def test_other_paths_and_methods_are_refused(shared):
    assert shared.post(EVENT, "/v1/metrics")[0] == 404
    status, headers, answer = shared.ask("GET", "/v1/events")
    assert (status, headers["Allow"]) == (405, "POST")
    assert orjson.loads(answer).keys() == {"error", "remedy"}
    assert shared.ask("POST", "/metrics", b"")[1]["Allow"] == "GET, HEAD"


def test_who_waits_for_100_continue_gets_it(shared):
    body = orjson.dumps(EVENT)
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n"
            b"Authorization: Bearer %b\r\nConnection: close\r\n\r\n" % (len(body), TOKEN.encode())
        )
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 202")


def test_what_is_not_http_is_answered_and_not_logged(shared):
    for sent in (
        b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization\x00: Bearer %b\r\n\r\n" % TOKEN.encode(),
        b"\x16\x03\x01 hello %b\r\n\r\n" % TOKEN.encode(),
    ):
        with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as client:
            client.sendall(sent)
            assert b" 400 " in client.recv(1000)
    assert shared.ask("GET", "/healthz")[0] == 200
    assert TOKEN not in shared.said()


def test_a_client_that_goes_away_leaves_nothing_behind(shared):
    before = shared.metric('tokenshare_bridge_requests_total{path="/",status="400"}')
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as client:
            client.sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                b"Authorization: Bearer %b\r\n\r\n[[[" % TOKEN.encode()
            )
            time.sleep(0.02)
    wait_until(lambda: shared.metric("tokenshare_bridge_waiting_bytes") == 0, "no bytes held")
    # It is no failure of the bridge, and nothing that an operator could do anything about.
    assert shared.metric('tokenshare_bridge_requests_total{path="/",status="400"}') >= before + 5
    assert shared.metric('tokenshare_bridge_requests_total{path="other",status="500"}') == 0
    assert "failed" not in shared.said()


def test_idle_connections_keep_nobody_away(make_bridge):
    bridge = make_bridge(files=128).wait_ready()
    busy = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=20)
    idle = []
    for number in range(400):
        idle.append(socket.create_connection(("127.0.0.1", bridge.port), timeout=10))
        idle[-1].sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        if number % 20 == 0:
            busy.request("POST", "/", orjson.dumps(EVENT))
            assert busy.getresponse().read()

    assert bridge.ask("GET", "/healthz")[0] == 200
    assert bridge.metric("tokenshare_bridge_connections") == 64
    assert idle[0].recv(1) == b""
    for each in idle:
        each.close()
    busy.close()
    assert bridge.stop() == 0
    assert bridge.said().count("ERROR") == bridge.said().count("InitProducerIdRequest")


def test_bodies_that_do_not_come_take_no_room_from_others(shared):
    clients = [socket.create_connection(("127.0.0.1", shared.port), timeout=10) for _ in range(12)]
    for client in clients:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 190000\r\n"
            b"Authorization: Bearer %b\r\n\r\n[" % TOKEN.encode()
        )
    time.sleep(0.2)

    assert shared.metric("tokenshare_bridge_waiting_bytes") == len(clients)
    assert authorized(shared, EVENT)[0] == 202
    for client in clients:
        client.close()
