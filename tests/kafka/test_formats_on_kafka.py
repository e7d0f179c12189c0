"""A worker reads what gateways write side by side in one topic, and says what it did not count."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import pytest
from odd import CONTROLS, NONCHARACTERS, PLACES
from processes import WAIT_SECONDS
from test_worker import GOOD, produce, read_all

from streams.classify.enrichment import KINDS

pytestmark = pytest.mark.kafka

SAMPLES = Path(__file__).parents[1] / "formats"

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "qwen3-32b",
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
PAYLOAD = {
    "id": "call-1",
    "call_type": "acompletion",
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "model": "deepseek-chat",
    "messages": [{"role": "user", "content": "Объясните, пожалуйста, как это работает?"}],
}


def value(document=None, **more):
    return orjson.dumps((GOOD if document is None else document) | more)


def test_formats_are_read_side_by_side_and_each_item_counts(bootstrap, make_worker):
    worker = make_worker().start().wait_ready()
    now = time.time()
    spans = orjson.loads((SAMPLES / "otlp" / "chat.json").read_bytes())
    for resource in spans["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span["startTimeUnixNano"] = str(int(now * 1e9))
    values = [
        value(ts=now),
        value(PAYLOAD, startTime=now),
        value(PAYLOAD, startTime=now, cache_hit=True),
        value(PAYLOAD, startTime=now, status="failure", prompt_tokens=0, completion_tokens=0),
        value(CHAT, created=int(now)),
        value(CHAT, object="chat.completion.chunk", usage=None),
        orjson.dumps(spans),
        orjson.dumps([GOOD, {"model": "m"}, CHAT, GOOD | {"prompt_tokens": -1}]),
        value() + b"\n" + value() + b"\n",
        b"[]",
        b'{"started_at": 1, "latencies": {}, "route": {}}',
    ]
    produce(bootstrap, make_worker.topic, values)

    worker.wait_records(
        {
            "counted/": 8,
            "cache_hit/": 1,
            "skipped/no_usage": 1,
            "skipped/stream_chunk": 1,
            "skipped/empty_batch": 1,
            "skipped/no_llm": 1,
            "rejected/missing_field": 1,
            "rejected/bad_count": 1,
        }
    )
    (letter,) = read_all(bootstrap, f"{make_worker.topic}-dead-letter", 1)
    headers = dict(letter.headers)
    assert letter.value == values[7]
    assert headers["tokenshare.reason"] == b"missing_field"
    assert headers["tokenshare.rejected_items"] == b"2"

    metrics = worker.get("/metrics")
    for name, count in {"native": 4, "litellm": 1, "provider": 2, "otlp": 1}.items():
        assert f'tokenshare_events_total{{format="{name}"}} {count}.0\n' in metrics
    shares = worker.get("/api/v1/shares")["windows"]["1h"]
    languages = {row["key"]: row["requests"] for row in shares["language"]}
    assert languages["ru"] == 1


def test_a_request_counts_whatever_characters_are_in_its_prompt(bootstrap, make_worker):
    pytest.importorskip("pycld2")
    worker = make_worker().start().wait_ready()
    failures = [f'tokenshare_enrichment_failures_total{{kind="{kind}"}} 0.0\n' for kind in KINDS]
    assert all(line in worker.get("/metrics") for line in failures)
    now = time.time()
    values = [
        value(PAYLOAD, startTime=now, messages=[{"role": "user", "content": place(odd)}])
        for place in PLACES.values()
        for odd in NONCHARACTERS + CONTROLS
    ]
    produce(bootstrap, make_worker.topic, values)
    worker.wait_counted(len(values))

    worker.wait_records({"counted/": len(values)})
    shares = worker.get("/api/v1/shares")["windows"]["1h"]
    languages = {row["key"]: row["requests"] for row in shares["language"]}
    assert set(languages) == {"en", "und"}
    assert languages["en"] >= 4 * len(NONCHARACTERS)
    assert all(line in worker.get("/metrics") for line in failures)
    # It would be read again at each start.
    worker.kill()
    again = make_worker().start().wait_ready()
    produce(bootstrap, make_worker.topic, values[-3:])
    again.wait_counted(len(values) + 3)
    again.wait_records({"counted/": len(values) + 3})
    assert again.stop() == 0


def test_a_cloudevent_in_binary_mode_has_the_time_of_its_header(bootstrap, make_worker):
    worker = make_worker().start().wait_ready()
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"/gateway"),
        ("ce_type", b"usage"),
        ("ce_time", b"2026-11-01T00:30:00Z"),
    ]
    produce(bootstrap, make_worker.topic, [value()], headers=headers)
    worker.wait_counted(1)

    (point,) = worker.get("/api/v1/history?dimension=origin&step=1h")["points"]
    assert point["start"] == 1793491200


def test_an_id_counts_once_also_after_a_crash(bootstrap, make_worker):
    worker = make_worker(dedupe_records="1000").start().wait_ready()
    first = [value(id=f"r{number}", ts=time.time()) for number in range(300)]
    produce(bootstrap, make_worker.topic, [*first, *first[:100], value(), value()])
    worker.wait_counted(302)
    worker.wait_records({"counted/": 302, "skipped/duplicate": 100})

    worker.kill()
    # What comes while nobody looks repeats what was counted before the crash.
    produce(bootstrap, make_worker.topic, [*first, value(id="new")])
    second = make_worker(dedupe_records="1000").start().wait_ready()
    second.wait_counted(303)
    second.wait_records({"counted/": 303, "skipped/duplicate": 400})


def _spans(trace, *spans):
    """Return a batch of spans of a trace: their numbers, those around them, and their operation."""
    made = []
    for number, parent, operation in spans:
        usage = {"gen_ai.usage.input_tokens": "10", "gen_ai.usage.output_tokens": "1"}
        texts = {"gen_ai.request.model": "gpt-4o"}
        if operation:
            texts["gen_ai.operation.name"] = operation
        attributes = [
            *({"key": key, "value": {"stringValue": text}} for key, text in texts.items()),
            *({"key": key, "value": {"intValue": count}} for key, count in usage.items()),
        ]
        made.append(
            {
                "traceId": f"{trace:032x}",
                "spanId": f"{number:016x}",
                "parentSpanId": f"{parent:016x}" if parent else "",
                "startTimeUnixNano": str(int(time.time() * 1e9)),
                "attributes": attributes,
            }
        )
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": made}]}]})


def test_spans_of_one_request_count_once_also_after_crashes(bootstrap, make_worker):
    traces = range(1, 101)
    inner = [_spans(trace, (3, 2, "chat")) for trace in traces]
    between = [_spans(trace, (2, 1, "execute_tool")) for trace in traces]
    outer = [_spans(trace, (1, 0, None)) for trace in traces]
    worker = make_worker().start().wait_ready()
    produce(bootstrap, make_worker.topic, inner, partitions=1)
    worker.wait_counted(100)

    # Each worker knows the spans of the ones before it, and what comes while nobody looks.
    worker.kill()
    produce(bootstrap, make_worker.topic, between, partitions=1)
    worker = make_worker().start().wait_ready()
    produce(bootstrap, make_worker.topic, [*outer[:50], _spans(101, (1, 0, "chat"))], partitions=1)
    worker.wait_counted(101)
    worker.kill()
    produce(
        bootstrap,
        make_worker.topic,
        [*outer[50:], *inner, _spans(102, (1, 0, "chat"))],
        partitions=1,
    )
    worker = make_worker().start().wait_ready()

    worker.wait_records(
        {
            "counted/": 102,
            "skipped/duplicate": 100,
            "skipped/not_a_request": 200,
        }
    )


def test_a_format_that_is_pinned_and_one_by_a_mapping(bootstrap, make_worker):
    worker = make_worker(
        fields="model=llm.name,prompt_tokens=llm.in,completion_tokens=llm.out"
    ).start()
    worker.wait_ready()
    own = {"llm": {"name": "gpt-4o", "in": 3, "out": 4}}
    produce(bootstrap, make_worker.topic, [value(own), value(), value({"llm": {"in": 1}})])
    worker.wait_counted(2)

    worker.wait_records({"counted/": 2, "rejected/missing_field": 1})
    assert 'tokenshare_events_total{format="custom"} 1.0\n' in worker.get("/metrics")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"format": "kafka"}, "TOKENSHARE_FORMAT: 'kafka' is not one of auto, otlp"),
        ({"fields": "model=a"}, "TOKENSHARE_FIELDS: it needs model, and prompt_tokens"),
        ({"fields": "modell=a"}, "TOKENSHARE_FIELDS: modell is not one of model"),
        ({"fields": "model"}, "TOKENSHARE_FIELDS: 'model' is not name=dotted.path"),
        ({"format": "custom"}, "TOKENSHARE_FIELDS: TOKENSHARE_FORMAT is custom"),
    ],
)
def test_a_wrong_setting_of_formats_names_itself(make_worker, settings, said):
    worker = make_worker(**settings).start()

    assert worker.process.wait(WAIT_SECONDS) == 1
    assert said in worker.tail()
    assert "Traceback" not in worker.tail()
