"""What a real bridge has accepted is in Kafka, and no word of a prompt is."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import importlib.util
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any, Self

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from apache import ApacheKafka
from frozen import freeze
from kafka.admin import KafkaAdminClient, NewTopic
from odd import CONTROLS, NONCHARACTERS, PLACES
from processes import wait_until

from streams.classify.tenant import marked
from streams.demo.broker import EmbeddedBroker, free_port

pytestmark = pytest.mark.kafka

EVENT = {"model": "qwen/qwen3-32b", "prompt_tokens": 10, "completion_tokens": 5, "language": "en"}
SECRET = "the quick brown fox keeps a secret of its own"
TOKEN = "a-token-that-nobody-is-to-see"


class BridgeProcess:
    """A bridge, over its command line."""

    def __init__(self, log: Path, files: int | None = None, **settings: Any) -> None:
        self.port = free_port()
        self.log = log
        self.command = [sys.executable, "-m", "streams", "bridge"]
        if files is not None:
            self.command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *self.command]
        self.environment = {
            f"TOKENSHARE_{name.upper()}": str(value)
            for name, value in ({"bridge_port": self.port} | settings).items()
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> BridgeProcess:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
            )
        return self

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def post(self, document: Any, path: str = "/v1/events", **headers: str) -> tuple[int, Any]:
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        status, _, answer = self.ask("POST", path, body, **headers)
        return status, orjson.loads(answer)

    def ready(self) -> Any:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        try:
            return self.ask("GET", "/readyz")
        except OSError:
            return None

    def wait_ready(self) -> BridgeProcess:
        wait_until(lambda: (self.ready() or [0])[0] == 200, "a ready bridge\n" + self.said())
        return self

    def metric(self, line: str) -> float:
        text = self.ask("GET", "/metrics")[2].decode()
        return sum(float(each.split()[-1]) for each in text.splitlines() if each.startswith(line))

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@pytest.fixture
def topic(request):
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:80] + f"-{os.getpid()}"


@pytest.fixture
def make_bridge(bootstrap, topic, tmp_path):
    started: list[BridgeProcess] = []

    def make(**settings: Any) -> BridgeProcess:
        given = {"bootstrap_servers": bootstrap, "topic": topic, "group": topic, "partitions": 3}
        bridge = BridgeProcess(tmp_path / f"bridge-{len(started)}.log", **given | settings)
        started.append(bridge)
        return bridge.start()

    yield make
    for bridge in started:
        if bridge.process is not None and bridge.process.poll() is None:
            bridge.process.kill()
            bridge.process.wait()


@pytest.fixture(scope="module")
def shared(bootstrap, tmp_path_factory):
    """A bridge that many tests post to, with a token and small limits."""
    log = tmp_path_factory.mktemp("shared") / "bridge.log"
    bridge = BridgeProcess(
        log,
        bootstrap_servers=bootstrap,
        topic=f"shared-{os.getpid()}",
        group=f"shared-{os.getpid()}",
        bridge_token=TOKEN,
        bridge_max_body_bytes=200_000,
        bridge_buffer_bytes=2_000_000,
    ).start()
    bridge.wait_ready()
    yield bridge
    assert bridge.stop() == 0
    assert TOKEN not in bridge.said()
    assert SECRET not in bridge.said()
    assert "Traceback" not in bridge.said()


def authorized(bridge: BridgeProcess, document: Any, path: str = "/v1/events", **headers: str):
    return bridge.post(document, path, **({"Authorization": f"Bearer {TOKEN}"} | headers))


def records(bootstrap: str, topic: str, least: int, quiet: float = 0.5) -> list[Any]:
    """Return all records of a topic: at least so many, and what else comes a moment later."""

    async def run() -> list[Any]:
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        found: list[Any] = []
        await consumer.start()
        try:
            deadline = time.monotonic() + 15
            while time.monotonic() < deadline:
                for rows in (await consumer.getmany(timeout_ms=100)).values():
                    found += rows
                    deadline = time.monotonic() + (15 if len(found) < least else quiet)
        finally:
            await consumer.stop()
        return found

    return asyncio.run(run())


def span(index: int, **attributes: Any) -> dict[str, Any]:
    kinds = {int: "intValue", str: "stringValue"}
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": f"{index:016x}",
        "startTimeUnixNano": str(time.time_ns()),
        "attributes": [
            {
                "key": f"gen_ai.{name}",
                "value": {kinds[type(value)]: str(value) if type(value) is int else value},
            }
            for name, value in attributes.items()
        ],
    }


def traces(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def packed(*spans: dict[str, Any]) -> bytes:
    """Return traces as protobuf, whose ids JSON has in hex and protobuf's own JSON in base 64."""
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    document = traces(
        *(
            each
            | {
                name: b64encode(bytes.fromhex(each[name])).decode()
                for name in ("traceId", "spanId")
            }
            for each in spans
        )
    )
    return ParseDict(document, ExportTraceServiceRequest()).SerializeToString()


GOOD = {
    "operation.name": "chat",
    "request.model": "gpt-4o",
    "usage.input_tokens": 10,
    "usage.output_tokens": 5,
}


# --- what is answered


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
        (b"\xff\xfe", "not_utf8"),
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
    wait_until(lambda: shared.metric("tokenshare_bridge_waiting_bytes") == 0, "no bytes held", 5)
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


# --- traces


def test_traces_are_answered_as_otlp_wants_it(shared):
    assert authorized(shared, traces(span(1, **GOOD)), "/v1/traces") == (200, {})
    assert authorized(shared, {"resourceSpans": []}, "/v1/traces") == (200, {})
    assert authorized(shared, {}, "/v1/traces") == (200, {})
    status, answer = authorized(
        shared,
        traces(span(1, **GOOD), span(2, **GOOD | {"usage.input_tokens": -1})),
        "/v1/traces",
    )
    assert status == 200
    assert answer["partialSuccess"]["rejectedSpans"] == "1"
    assert "bad_count" in answer["partialSuccess"]["errorMessage"]


def test_logs_are_answered_as_otlp_wants_it(shared):
    def logs(tokens):
        attributes = {
            "event.name": "api_request",
            "model": "claude-opus-4-6",
            "input_tokens": tokens,
        }
        record = {
            "attributes": [
                {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
            ]
        }
        return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}

    assert authorized(shared, logs("12"), "/v1/logs") == (200, {})
    assert authorized(shared, {}, "/v1/logs") == (200, {})
    status, answer = authorized(shared, logs("-1"), "/v1/logs")
    assert status == 200
    assert answer["partialSuccess"]["rejectedLogRecords"] == "1"
    assert "bad_count" in answer["partialSuccess"]["errorMessage"]


def test_traces_in_protobuf_are_answered_in_protobuf(shared):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    def send(body: bytes, **headers: str):
        return shared.ask(
            "POST",
            "/v1/traces",
            body,
            Content_Type="application/x-protobuf",
            Authorization=f"Bearer {TOKEN}",
            **headers,
        )

    plain = packed(span(1, **GOOD), span(2, **GOOD | {"usage.input_tokens": -1}))
    for body, headers in ((plain, {}), (gzip.compress(plain), {"Content_Encoding": "gzip"})):
        status, answered, answer = send(body, **headers)
        told = ExportTraceServiceResponse.FromString(answer)

        assert (status, answered["Content-Type"]) == (200, "application/x-protobuf")
        assert told.partial_success.rejected_spans == 1
        assert "bad_count" in told.partial_success.error_message
    assert send(b"")[0] == 200
    assert send(b"")[2] == b""
    status, answered, answer = send(b"no traces")
    assert (status, answered["Content-Type"]) == (400, "application/x-protobuf")
    assert b"not_protobuf" in answer


def test_metrics_say_what_has_come(shared):
    before = shared.metric("tokenshare_bridge_post_seconds_count")
    authorized(shared, EVENT)
    authorized(shared, b"nonsense")

    assert shared.metric("tokenshare_bridge_post_seconds_count") == before + 2
    assert shared.metric('tokenshare_bridge_requests_total{path="/v1/events",status="202"}') > 0
    assert shared.metric('tokenshare_bridge_events_total{reason="not_json",result="rejected"}') > 0
    assert shared.metric("tokenshare_bridge_ready") == 1
    assert shared.metric("tokenshare_bridge_waiting_events") == 0
    assert shared.metric("tokenshare_build_info") == 1


@pytest.mark.parametrize("path", ["/v1/events", "/v1/traces"])
def test_a_post_is_accepted_whatever_characters_are_in_its_prompt(make_bridge, bootstrap, path):
    pytest.importorskip("pycld2")
    bridge = make_bridge().wait_ready()
    failures = "tokenshare_enrichment_failures_total{"
    said = bridge.ask("GET", "/metrics")[2].decode()
    assert {line for line in said.splitlines() if line.startswith(failures)} == {
        f'{failures}kind="{kind}"}} 0.0' for kind in ("language", "origin", "tenant")
    }
    places = [PLACES[name] for name in ("at the end", "inside words")]
    prompts = [place(odd) for place in places for odd in NONCHARACTERS + CONTROLS]
    for prompt in prompts:
        asked = [{"role": "user", "content": f"{SECRET} {prompt}"}]
        if path == "/v1/traces":
            logged = {"input.messages": orjson.dumps(asked).decode(), "response.model": "qwen3"}
            tokens = {"usage.input_tokens": 10, "usage.output_tokens": 5}
            assert bridge.post(traces(span(0, **logged, **tokens)), path)[0] == 200
        else:
            payload = {"call_type": "completion", "startTime": time.time(), "messages": asked}
            assert bridge.post(EVENT | payload, path)[0] == 202

    kept = records(bootstrap, bridge.environment["TOKENSHARE_TOPIC"], len(prompts))
    events = [orjson.loads(each.value) for each in kept]
    counts = [(each["prompt_tokens"], each["completion_tokens"]) for each in events]
    assert counts == [(10, 5)] * len(prompts)
    assert {each.get("language") for each in events} == {"en"}
    assert bridge.metric(failures) == 0
    assert bridge.stop() == 0
    assert "Traceback" not in bridge.said()
    assert SECRET not in bridge.said()


# --- what reaches Kafka


def test_what_is_accepted_is_in_kafka_once_and_nothing_else_of_it(
    make_bridge, make_worker, bootstrap, topic
):
    bridge = make_bridge(tenant_salt="pepper").wait_ready()
    payload = {
        "call_type": "acompletion",
        "startTime": time.time(),
        "model": "gpt-4o",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "messages": [{"role": "user", "content": SECRET}],
        "response": {"choices": [{"message": {"content": SECRET}}]},
        "metadata": {"user_api_key_team_id": "team-7"},
    }
    posts: list[list[dict[str, Any]]] = [
        *([EVENT | {"id": f"n-{n}", "note": SECRET, "tenant": "team-7"}] for n in range(200)),
        *([payload | {"id": f"l-{n}-{m}"} for m in range(5)] for n in range(40)),
    ]

    def send(part: list[Any]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=20)
        for each in part:
            connection.request("POST", "/", orjson.dumps(each if len(each) > 1 else each[0]))
            answer = connection.getresponse()
            assert answer.status == 202
            assert orjson.loads(answer.read())["accepted"] == len(each)

    threads = [threading.Thread(target=send, args=(posts[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = records(bootstrap, topic, 400)

    values = [orjson.loads(record.value) for record in found]
    assert sorted(value["id"] for value in values) == sorted(
        each["id"] for post in posts for each in post
    )
    assert {record.key.decode() for record in found} == {value["id"] for value in values}
    assert all(set(value) <= {*EVENT, "id", "ts", "tenant"} for value in values)
    assert {value["language"] for value in values} == {"en"}
    assert {value["tenant"] for value in values} == {marked("team-7", b"pepper")}
    assert not any(SECRET.encode() in record.value for record in found)

    worker = make_worker(topic=topic, group=topic, tenant_salt="pepper").start()
    worker.wait_counted(400)
    assert bridge.stop() == 0


def test_a_kept_body_is_counted_by_a_worker(make_bridge, make_worker, bootstrap, topic):
    bridge = make_bridge(bridge_keep_bodies="true").wait_ready()
    body = packed(span(1, **GOOD))
    assert bridge.post([EVENT | {"note": SECRET}] * 3)[1]["accepted"] == 3
    assert bridge.ask("POST", "/v1/traces", body, Content_Type="application/x-protobuf")[0] == 200
    large = orjson.dumps([EVENT | {"note": os.urandom(1_000).hex()} for _ in range(1_500)])
    if bridge.post(large)[0] != 202:  # the embedded broker takes any size
        assert bridge.post(large)[0] == 413
        assert bridge.post(EVENT)[0] == 202

    found = records(bootstrap, topic, 2)
    assert {SECRET.encode() in record.value for record in found} == {True, False}
    assert ("content-type", b"application/x-protobuf") in {
        each for record in found for each in record.headers
    }
    worker = make_worker(topic=topic, group=topic).start()
    wait_until(lambda: worker.records().get("counted/", 0) >= 4, "counts\n" + worker.tail())


def test_spans_of_opentelemetrys_sdk_are_counted_exactly(make_bridge, make_worker, topic):
    try:
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{error.name} is not installed")
    bridge = make_bridge(bridge_token=TOKEN).wait_ready()
    processor = BatchSpanProcessor(
        OTLPSpanExporter(
            endpoint=f"http://127.0.0.1:{bridge.port}/v1/traces",
            headers={"Authorization": f"Bearer {TOKEN}"},
            compression=Compression.Gzip,
        )
    )
    provider = TracerProvider()
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("test")
    for number in range(50):
        with tracer.start_as_current_span("invoke_agent") as agent:
            agent.set_attributes(
                {
                    "gen_ai.operation.name": "invoke_agent",
                    "gen_ai.request.model": "qwen3-32b",
                    "gen_ai.usage.input_tokens": 200,
                    "gen_ai.usage.output_tokens": 20,
                }
            )
            for _ in range(2):
                with tracer.start_as_current_span("chat") as chat:
                    chat.set_attributes(
                        {
                            "gen_ai.operation.name": "chat",
                            "gen_ai.provider.name": "alibaba",
                            "gen_ai.request.model": "qwen3-32b",
                            "gen_ai.response.model": "qwen3-32b",
                            "gen_ai.usage.input_tokens": 100,
                            "gen_ai.usage.output_tokens": 10,
                            "gen_ai.input.messages": SECRET,
                        }
                    )
            with tracer.start_as_current_span("execute_tool") as tool:
                tool.set_attribute("gen_ai.operation.name", "execute_tool")
        if number == 25:
            provider.force_flush()
    provider.shutdown()

    worker = make_worker(topic=topic, group=topic).start().wait_ready()
    worker.wait_counted(100)
    lines = worker.get("/metrics").splitlines()
    assert 'llm_tokens_total{dimension="origin",key="cn-open"} 11000.0' in lines
    assert 'llm_requests_total{dimension="language",key="en"} 100.0' in lines
    assert bridge.metric('tokenshare_bridge_requests_total{path="/v1/traces",status="200"}') >= 2
    assert bridge.stop() == 0
    assert TOKEN not in bridge.said()


#: LiteLLM's SDK as a proxy runs it: every other request is streamed. It forgets what it is given
#: while it posts, so it is told when to.
LITELLM = """
import asyncio, litellm
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

litellm.callbacks = ["generic_api"]

async def main():
    for number in range(20):
        answer = await litellm.acompletion(
            model="openai/gpt-4o",
            api_key="none",
            messages=[{"role": "user", "content": SECRET}],
            mock_response=SECRET,
            stream=number % 2 == 1,
        )
        if number % 2:
            async for _ in answer:
                pass
    (logger,) = litellm.logging_callback_manager.get_custom_loggers_for_type(GenericAPILogger)
    while len(logger.log_queue) < 20:
        await asyncio.sleep(0.05)
    await logger.flush_queue()

asyncio.run(main())
"""


def test_what_litellms_own_callback_posts_is_accepted(make_bridge, bootstrap, topic):
    if importlib.util.find_spec("litellm") is None:
        assert not os.environ.get("CI")
        pytest.skip("litellm is not installed")
    bridge = make_bridge(bridge_token=TOKEN).wait_ready()
    environment = {
        "GENERIC_LOGGER_ENDPOINT": f"http://127.0.0.1:{bridge.port}/",
        "GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {TOKEN}",
        "DEFAULT_FLUSH_INTERVAL_SECONDS": "300",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    subprocess.run(
        [sys.executable, "-c", LITELLM.replace("SECRET", repr(SECRET))],
        env=os.environ | environment,
        check=True,
        timeout=60,
    )
    found = records(bootstrap, topic, 20)

    values = [orjson.loads(record.value) for record in found]
    assert len({value["id"] for value in values}) == len(values) == 20
    assert {value["model"] for value in values} == {"gpt-4o"}
    assert {value["language"] for value in values} == {"en"}
    assert not any(SECRET.encode() in record.value for record in found)
    assert TOKEN not in bridge.said()


# --- when Kafka or the bridge goes away


def posting(bridge: BridgeProcess, name: str, until: threading.Event, fates: dict[str, int]):
    """Post one event after the other, each until it is accepted or the end."""
    number = 0
    while not until.is_set():
        identifier = f"{name}-{number}"
        try:
            status, _ = bridge.post(EVENT | {"id": identifier})
        except OSError:
            status = 0
        fates[identifier] = status
        number += 1
        if status in {0, 429, 503}:
            time.sleep(0.05)


class Posting:
    """Threads that post while something happens."""

    def __init__(self, bridge: BridgeProcess) -> None:
        self.fates: dict[str, int] = {}
        self._until = threading.Event()
        self._threads = [
            threading.Thread(target=posting, args=(bridge, f"t{n}", self._until, self.fates))
            for n in range(6)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._until.set()
        for thread in self._threads:
            thread.join()

    def accepted(self) -> set[str]:
        return {name for name, status in self.fates.items() if status == 202}


def ids(bootstrap: str, topic: str, least: int) -> list[str]:
    return [orjson.loads(record.value)["id"] for record in records(bootstrap, topic, least)]


def test_a_broker_that_hangs_gets_all_that_was_accepted_and_a_full_buffer_says_so(
    make_bridge, topic
):
    with EmbeddedBroker() as broker:
        bridge = make_bridge(
            bootstrap_servers=broker.bootstrap,
            bridge_acknowledge_seconds=1,
            bridge_buffer_events=4,
        ).wait_ready()
        with Posting(bridge) as load:
            wait_until(lambda: len(load.accepted()) > 50, "posts")
            freeze(broker.pid)
            try:
                wait_until(lambda: {429, 503} <= set(load.fates.values()), "refusals")
                status, headers, answer = bridge.ask("POST", "/", orjson.dumps(EVENT))
                assert status in {429, 503}
                assert int(headers["Retry-After"]) > 0
                assert orjson.loads(answer).keys() == {"error", "remedy"}
                wait_until(lambda: (bridge.ready() or [0])[0] == 503, "not ready")
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            before = len(load.accepted())
            wait_until(lambda: len(load.accepted()) > before + 50, "posts again\n" + bridge.said())
        found = ids(broker.bootstrap, topic, len(load.accepted()))
        assert load.accepted() <= set(found)
        assert bridge.metric("tokenshare_bridge_kafka_failures_total") > 0
        assert bridge.stop() == 0
    assert "Traceback" not in bridge.said()
    assert "Kafka accepts events again" in bridge.said()


def test_a_killed_broker_has_all_that_was_accepted_when_it_is_back(make_bridge, topic, kafka_jars):
    with ApacheKafka() as kafka:
        bridge = make_bridge(
            bootstrap_servers=kafka.bootstrap, bridge_acknowledge_seconds=1.5
        ).wait_ready()
        with Posting(bridge) as load:
            wait_until(lambda: len(load.accepted()) > 100, "posts")
            kafka.stop(signal.SIGKILL)
            wait_until(lambda: 503 in load.fates.values(), "refusals")
            kafka.start()
            before = len(load.accepted())
            wait_until(lambda: len(load.accepted()) > before + 100, "posts\n" + bridge.said())
        found = ids(kafka.bootstrap, topic, len(load.accepted()))
        assert load.accepted() <= set(found)
        assert bridge.stop() == 0
    assert "Traceback" not in bridge.said()


@pytest.fixture(scope="module")
def apache(kafka_jars):
    with ApacheKafka() as broker:
        yield broker.bootstrap


def test_a_topic_that_was_deleted_is_named_and_may_come_back(make_bridge, topic, apache):
    admin = KafkaAdminClient(bootstrap_servers=apache)
    bridge = make_bridge(bootstrap_servers=apache, bridge_acknowledge_seconds=1).wait_ready()
    with Posting(bridge) as load:
        wait_until(lambda: len(load.accepted()) > 50, "posts")
        admin.delete_topics([topic])
        missing = f"topic {topic} does not exist"
        wait_until(lambda: missing in str(bridge.ready()), "the cause")
        wait_until(lambda: missing in bridge.said(), "the cause in the log\n" + bridge.said())
        admin.create_topics([NewTopic(topic, 1, 1)])
        before = len(load.accepted())
        wait_until(lambda: len(load.accepted()) > before + 50, "posts again\n" + bridge.said())
    admin.close()
    assert bridge.stop() == 0
    assert bridge.said().count(missing) < 4
    assert "Task was destroyed" not in bridge.said()
    assert "Traceback" not in bridge.said()


def test_a_topic_that_takes_only_small_batches_gets_small_ones(make_bridge, topic, apache):
    admin = KafkaAdminClient(bootstrap_servers=apache)
    admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "10000"})])
    admin.close()
    bridge = make_bridge(bootstrap_servers=apache, bridge_keep_bodies="true").wait_ready()
    large = EVENT | {"note": os.urandom(10_000).hex()}
    assert bridge.post(large)[0] == 413
    events = [EVENT | {"id": os.urandom(200).hex()} for _ in range(200)]
    assert bridge.stop() == 0

    bridge = make_bridge(bootstrap_servers=apache).wait_ready()
    statuses = [bridge.post(events)[0]]
    while statuses[-1] == 503:
        statuses.append(bridge.post(events)[0])
    assert statuses[-1] == 202
    assert len(statuses) < 10
    assert set(ids(apache, topic, 200)) == {event["id"] for event in events}
    assert bridge.stop() == 0


def test_sigterm_finishes_what_is_under_way(make_bridge, bootstrap, topic):
    bridge = make_bridge().wait_ready()
    with Posting(bridge) as load:
        wait_until(lambda: len(load.accepted()) > 50, "posts")
        began = time.monotonic()
        assert bridge.stop() == 0
        assert time.monotonic() - began < 5
    found = ids(bootstrap, topic, len(load.accepted()))
    assert load.accepted() <= set(found)
    assert len(found) == len(set(found))
    assert "stopped" in bridge.said()


def test_without_a_broker_it_waits_says_so_and_ends_with_3(make_bridge):
    nowhere = f"127.0.0.1:{free_port()}"
    bridge = make_bridge(bootstrap_servers=nowhere, broker_wait_seconds=4)
    wait_until(bridge.ready, "an answer")
    assert bridge.ready()[0] == 503
    assert bridge.ask("GET", "/healthz")[0] == 200
    assert bridge.post(EVENT)[0] == 503
    assert bridge.process.wait(15) == 3
    assert f"no Kafka at {nowhere} yet, waiting" in bridge.said()
    assert "Traceback" not in bridge.said()


def test_a_bridge_that_anybody_could_post_to_does_not_start(make_bridge):
    bridge = make_bridge(bridge_host="0.0.0.0")
    assert bridge.process.wait(15) == 1
    assert "TOKENSHARE_BRIDGE_TOKEN" in bridge.said()
    assert "Traceback" not in bridge.said()


def test_a_second_bridge_on_a_port_says_which_setting_to_change(make_bridge, shared):
    bridge = make_bridge(bridge_port=shared.port)
    assert bridge.process.wait(15) == 1
    assert "TOKENSHARE_BRIDGE_PORT" in bridge.said()
    assert "Traceback" not in bridge.said()


def test_a_pinned_format_of_posts_is_not_a_format_of_workers(make_bridge):
    bridge = make_bridge(format="litellm").wait_ready()

    assert "TOKENSHARE_FORMAT=litellm" in bridge.said()
    assert bridge.stop() == 0


def test_a_topic_that_is_missing_and_may_not_be_made_is_named(make_bridge, topic):
    bridge = make_bridge(create_topics="false")
    assert bridge.process.wait(15) == 1
    assert f"Topic {topic} does not exist" in bridge.said()


# --- what a web page could send


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
