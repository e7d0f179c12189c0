"""A post becomes records that hold usage and nothing that was said."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.classify.tenant import marked
from streams.decode.decoder import Decoder
from streams.decode.event import ALLOWED_CLOCK_SKEW_SECONDS, Skipped
from streams.decode.judged import Unread
from streams.gateway.bridge import http as bridge_http
from streams.gateway.bridge import run as bridge
from streams.gateway.bridge.answer import RefusedError, status_message
from streams.gateway.bridge.metrics import (
    BUCKETS,
    DEFINITIONS,
    Counts,
    Exposition,
    State,
)
from streams.gateway.bridge.post import InflateError, Posted, Reader, inflate
from streams.gateway.bridge.repeats import Repeats
from streams.settings import Settings, SettingsError
from streams.web.connection_limit import Connections

NOW = 1_763_900_000.0
EVENT = {"model": "qwen/qwen3-32b", "prompt_tokens": 812, "completion_tokens": 64}
CHINESE = "请用简单的话解释一下量子计算机是怎么工作的，谢谢。"


def settings(**given):
    return Settings(_env_file=None, **given)


def read(document, headers=(), *, keep_bodies=False, signal="", **given):
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    reader = Reader(settings(**given), keep_bodies=keep_bodies)
    return reader.read(body, headers, NOW, signal=signal)


def values(posted):
    return [orjson.loads(record.value) for record in posted.records]


# --- what reaches Kafka


def test_a_row_of_many_requests_is_refused_where_an_event_is_one_request():
    fields = "model=m,prompt_tokens=p,requests=n"
    with pytest.raises(SettingsError, match="requests"):
        read({"m": "a", "p": 1, "n": 5}, fields=fields)

    posted = read({"m": "a", "p": 1, "n": 5}, keep_bodies=True, fields=fields)
    assert values(posted) == [{"m": "a", "p": 1, "n": 5}]


def test_what_is_around_an_event_is_unwrapped_and_left_behind():
    line = {"host": "my secret", "message": orjson.dumps(EVENT | {"note": "my secret"}).decode()}
    posted = read(gzip.compress(orjson.dumps({"records": [line]})))

    assert values(posted) == [EVENT | {"ts": NOW}]


def test_an_event_keeps_what_it_costs_and_who_served_it():
    more = {"cached_tokens": 700, "reasoning_tokens": 0, "cost": 1e-07, "provider": "azure@eu-1"}
    assert values(read(EVENT | more)) == [EVENT | {"ts": NOW} | more]

    served = {"id": "gen-1", "provider_name": "Novita", "total_cost": 0.0021}
    counts = {"native_tokens_prompt": 812, "native_tokens_completion": 64}
    [event] = values(read({"data": {"model": EVENT["model"], **counts, **served}}))
    assert (event["cost"], event["provider"]) == (0.0021, "Novita")


@pytest.mark.parametrize("wrong", ["my secret\n", {"a": "my secret"}, ["my secret"], -1, True])
def test_an_event_loses_a_detail_that_is_none(wrong):
    posted = read(EVENT | dict.fromkeys(("cached_tokens", "reasoning_tokens", "cost"), wrong))
    assert values(posted) == [EVENT | {"ts": NOW}]
    if not isinstance(wrong, str):
        assert values(read(EVENT | {"provider": wrong})) == [EVENT | {"ts": NOW}]


def test_of_an_endpoint_only_the_host_reaches_kafka():
    url = "https://me:my-secret@llm.example:8443/v1?key=my-secret"
    for provider in (url, f"acme@{url}"):
        [record] = read(EVENT | {"provider": provider}).records
        assert b"secret" not in record.value


def test_an_event_loses_whatever_is_not_usage():
    posted = read(
        EVENT | {"messages": ["my secret"], "note": "my secret", "id": {"a": "my secret"}}
    )

    assert values(posted) == [EVENT | {"ts": NOW}]


def test_an_event_without_a_time_gets_that_of_its_post():
    assert values(read(EVENT))[0]["ts"] == NOW
    assert values(read(EVENT | {"ts": "2025-11-23T12:00:00Z"}))[0]["ts"] == 1_763_899_200.0
    assert values(read(EVENT | {"ts": 1_763_899_200_123}))[0]["ts"] == 1_763_899_200.123


@pytest.mark.parametrize(
    ("ts", "reason"),
    [("yesterday", "bad_time"), (12, "bad_time"), (NOW + ALLOWED_CLOCK_SKEW_SECONDS + 1, "future")],
)
def test_a_time_that_a_worker_would_reject_is_rejected_at_once(ts, reason):
    posted = read(EVENT | {"ts": ts})

    assert not posted.records
    assert [each.reason for each in posted.rejected] == [reason]
    assert str(ts) not in posted.rejected[0].detail


def test_a_tenant_is_hashed_as_a_worker_would():
    tenant = values(read(EVENT | {"tenant": "team-7"}, tenant_salt="pepper"))[0]["tenant"]

    assert tenant == marked("team-7", b"pepper")


def test_only_a_tag_is_taken_for_a_language():
    assert values(read(EVENT | {"language": "zh_CN.UTF-8"}))[0]["language"] == "zh-Hans"
    assert "language" not in values(read(EVENT | {"language": "my secret is 42"}))[0]


def test_of_a_prompt_its_language_stays():
    payload = {
        "id": "chatcmpl-1",
        "call_type": "acompletion",
        "startTime": NOW,
        "model": "gpt-4o",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "messages": [{"role": "user", "content": CHINESE}],
        "response": {"choices": [{"message": {"content": CHINESE}}]},
    }
    posted = read([payload])

    assert values(posted)[0]["language"] == "zh-Hans"
    assert CHINESE.encode() not in posted.records[0].value
    assert posted.records[0].key == b"chatcmpl-1"


def test_names_are_cut_and_what_is_too_long_for_an_id_is_none():
    posted = read(EVENT | {"model": "m" * 5_000, "tenant": "t" * 5_000, "id": "i" * 5_000})

    assert len(posted.records[0].value) < 1_000
    assert posted.records[0].key is None


@pytest.mark.parametrize("blank", [" ", "\t"])
def test_a_name_behind_blanks_stays_one_that_a_worker_takes(blank):
    (record,) = read(EVENT | {"model": blank * 600 + "gpt-4o"}).records

    assert [event.model for event in Decoder().decode(record.value).events] == ["gpt-4o"]


@given(
    st.dictionaries(
        st.text(max_size=9), st.text() | st.floats(allow_nan=False) | st.none(), max_size=9
    )
)
def test_what_reaches_kafka_is_an_event_whatever_was_posted(extra):
    for record in read(EVENT | extra | EVENT).records:
        assert set(orjson.loads(record.value)) <= {*EVENT, "id", "ts", "language", "tenant"}
        assert Decoder().decode(record.value).events


def test_items_of_a_batch_are_judged_one_by_one():
    posted = read([EVENT, EVENT | {"prompt_tokens": -1}, EVENT, 7])

    assert posted.events == len(posted.records) == 2
    assert [each.reason for each in posted.rejected] == ["bad_count", "not_an_object"]
    assert not posted.is_unreadable


def test_a_cloud_event_in_headers_has_its_id():
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"7"), ("ce_source", b"/gw")]

    assert values(read(EVENT, headers))[0]["id"] == "/gw/7"


def test_a_kept_body_is_forwarded_as_it_came():
    headers = [("content-type", b"application/json")]
    body = orjson.dumps([EVENT, EVENT | {"said": "my secret"}])
    posted = read(body, headers, keep_bodies=True)

    assert posted.records == [(None, body, headers)]
    assert posted.events == 2


@pytest.mark.parametrize("body", [b"{}", b'{"resourceSpans":[]}', b' {"resourceSpans": [ ] }'])
def test_a_batch_of_traces_may_be_empty(body):
    posted = read(body, signal="traces")

    assert not posted.records
    assert not posted.rejected
    assert list(posted.skipped) == [Skipped("empty_batch")]


def test_where_traces_are_posted_nothing_else_is_read():
    posted = read(EVENT, signal="traces")

    assert posted.is_unreadable
    assert [each.reason for each in posted.rejected] == ["other_format"]


# --- compressed bodies


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@given(body=st.binary(max_size=2_000))
def test_a_compressed_body_is_had_as_it_was(coding, body):
    packed = gzip.compress(body) if coding == "gzip" else zlib.compress(body)

    assert inflate(packed, coding, 2_000) == body
    for cut in range(0, len(packed) - 1, 7):
        with pytest.raises(InflateError):
            inflate(packed[:cut], coding, 2_000)


def test_a_body_may_be_compressed_in_pieces_but_not_in_thousands():
    piece = gzip.compress(b"[1]\n")

    assert inflate(piece * 3, "gzip", 100) == b"[1]\n" * 3
    with pytest.raises(InflateError):
        inflate(piece * 10_000, "gzip", 10**9)


def test_a_bomb_costs_no_more_memory_than_is_allowed():
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    with pytest.raises(InflateError) as caught:
        inflate(bomb, "gzip", 1024 * 1024)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert caught.value.is_too_large
    assert most < 4 * 1024 * 1024


@given(st.binary(max_size=200))
def test_what_is_not_compressed_is_refused(body):
    with pytest.raises(InflateError):
        inflate(b"{" + body, "gzip", 1_000)


# --- settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_the_loopback_needs_no_token(host):
    bridge._check(settings(bridge_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "bridge.example"])
@pytest.mark.parametrize("token", ["", "  "])
def test_any_other_address_does(host, token):
    with pytest.raises(SettingsError, match="TOKENSHARE_BRIDGE_TOKEN"):
        bridge._check(settings(bridge_host=host, bridge_token=token))
    bridge._check(settings(bridge_host=host, bridge_token="secret"))


def test_a_buffer_that_no_body_fits_in_is_refused():
    with pytest.raises(SettingsError, match="BRIDGE_BUFFER_BYTES"):
        bridge._check(settings(bridge_max_body_bytes=2048, bridge_buffer_bytes=2048))


def test_a_token_is_not_shown():
    assert "very-secret" not in repr(settings(bridge_token="very-secret"))


# --- what a bridge does not do for whoever waits no more


def test_a_large_body_that_has_waited_long_is_not_read():
    reading = bridge_http.Bridge(settings())._read_aside
    body, now = orjson.dumps(EVENT), time.monotonic()

    assert reading(body, "", (), NOW, now + 60, signal="").events == 1
    with pytest.raises(RefusedError) as caught:
        reading(body, "", (), NOW, now - 1, signal="")
    assert caught.value.status == 429


def test_of_many_connections_those_last_heard_of_stay():
    class Transport(asyncio.Transport):
        is_open = True

        def abort(self):
            self.is_open = False

    connections = Connections(2)
    transports = [Transport() for _ in range(4)]
    connections.opened(0, transports[0])
    connections.opened(1, transports[1])
    connections.heard(0)
    connections.opened(2, transports[2])
    assert [each.is_open for each in transports] == [True, False, True, True]
    connections.closed(1)
    connections.closed(0)
    connections.opened(3, transports[3])
    assert [each.is_open for each in transports] == [True, False, True, True]
    assert len(connections) == 2


# --- answers and metrics


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 20_000])
def test_an_error_of_otlp_is_a_status_as_grpc_has_it(length):
    status = pytest.importorskip("google.rpc.status_pb2")

    decoded = status.Status.FromString(status_message(3, "é" * length))

    assert (decoded.code, decoded.message) == (3, "é" * length)


def test_metrics_add_up_and_each_has_its_definition():
    counts = Counts()
    for seconds in (0.0, *BUCKETS, 99.0):
        counts.took(seconds)
    counts.answered("/", 202)
    counts.events["accepted", ""] += 1
    text = Exposition(lambda: State(counts, 1, 2, 3, 4, is_ready=True))("text/plain")[0].decode()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}

    assert {each.name for each in DEFINITIONS} <= {
        name.removesuffix("_total").removesuffix("_info") for name in names
    }
    assert f'tokenshare_bridge_post_seconds_bucket{{le="+Inf"}} {len(BUCKETS) + 2}.0' in text
    assert 'tokenshare_bridge_post_seconds_bucket{le="0.0025"} 2.0' in text
    assert f"tokenshare_bridge_post_seconds_count {len(BUCKETS) + 2}.0" in text


# --- spans in several posts


def spans(*parents, counts=(10, 1)):
    """Return a batch of spans with the same counts, numbered from 1, inside their parents."""
    usage = {"gen_ai.usage.input_tokens": counts[0], "gen_ai.usage.output_tokens": counts[1]}
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
        *({"key": key, "value": {"intValue": str(value)}} for key, value in usage.items()),
    ]
    made = [
        {
            "traceId": "7" * 32,
            "spanId": f"{number:016x}",
            "parentSpanId": f"{parent:016x}" if parent else "",
            "startTimeUnixNano": str(int(NOW) * 10**9),
            "attributes": attributes,
        }
        for number, parent in parents
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": made}]}]}


def test_a_request_whose_spans_come_in_two_posts_is_written_once():
    repeats = Repeats(settings())
    inner = repeats.without(read(spans((2, 1)), signal="traces"))
    outer = repeats.without(read(spans((1, 0)), signal="traces"))

    assert (inner.events, len(inner.records)) == (1, 1)
    assert (outer.events, len(outer.records)) == (0, 0)
    assert list(outer.skipped) == [Skipped("duplicate")]


UNREAD = {
    "app.model": {"stringValue": "gpt-4o"},
    "app.total_tokens": {"intValue": "11"},
}


def unread_spans(*parents):
    batch = spans(*parents)
    attributes = [{"key": key, "value": value} for key, value in UNREAD.items()]
    for each in batch["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        each["attributes"] = attributes
    return batch


def test_usage_that_no_reader_takes_is_counted_by_its_writer():
    repeats, counts = Repeats(settings()), Counts()
    for each in (spans((2, 1)), unread_spans((1, 0)), unread_spans((9, 0))):
        counts.judged(repeats.without(read(each, signal="traces")))

    # The first one is the sum around the request of the post before.
    assert counts.events == {("skipped", "not_a_request"): 1, ("skipped", "unread_usage"): 1}
    assert counts.unread == {("otlp", "app.model,app.total_tokens"): 1}


def test_the_writers_of_unread_usage_are_bounded():
    counts = Counts()
    for number in range(50):
        item = Unread(None, "otlp", f"s{number}")
        counts.judged(Posted((), 0, (), (Skipped("unread_usage"),), unread=(item,)))

    assert len(counts.unread) == 33
    assert counts.unread["otlp", "other"] == 18


def test_a_post_that_kafka_did_not_take_is_written_when_it_comes_again():
    repeats = Repeats(settings())
    posted = repeats.without(read(spans((2, 1)), signal="traces"))
    repeats.forget(posted)

    assert repeats.without(read(spans((2, 1)), signal="traces")).events == 1
    assert repeats.without(read(spans((2, 1)), signal="traces")).events == 0


def test_bodies_that_are_kept_whole_are_compared_by_workers():
    repeats = Repeats(settings())
    for _ in range(2):
        assert repeats.without(read(spans((2, 1)), keep_bodies=True, signal="traces")).events == 1


def test_without_records_to_compare_all_spans_are_written():
    repeats = Repeats(settings(trace_records=0))
    for _ in range(2):
        assert repeats.without(read(spans((2, 1)), signal="traces")).events == 1


def test_a_log_line_of_any_format_is_read_where_logs_are_posted():
    body = {"stringValue": orjson.dumps(EVENT).decode()}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": body}]}]}]}

    assert values(read(logs, signal="logs")) == [EVENT | {"ts": NOW}]
