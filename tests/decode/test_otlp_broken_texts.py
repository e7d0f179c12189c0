"""A text in a protobuf batch that is not UTF-8 costs at most the item that it is in."""

from __future__ import annotations

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from streams.decode.decoder import Decoder

PROTOBUF = [("content-type", b"application/x-protobuf")]
#: A letter of two bytes, of which the second one is replaced.
LETTER, BROKEN = "é", "é".encode()[:1] + b"("
LONG = "x" * 200


def batch(*spans, nested=()):
    traces = TracesData()
    scope = traces.resource_spans.add().scope_spans.add()
    for number, attributes in enumerate(spans, 1):
        span = scope.spans.add()
        span.trace_id, span.span_id = bytes([number]) * 16, bytes([number]) * 8
        span.start_time_unix_nano = 1_795_003_280 * 10**9
        for key, value in attributes.items():
            pair = span.attributes.add()
            pair.key = key
            if key in nested:
                pair.value.array_value.values.add().string_value = value
            elif isinstance(value, str):
                pair.value.string_value = value
            else:
                pair.value.int_value = value
    return traces.SerializeToString().replace(LETTER.encode(), BROKEN)


def request(**more):
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 5,
        **{key.replace("__", "."): value for key, value in more.items()},
    }


def read(value):
    decoded = Decoder().decode(value, PROTOBUF)
    return (
        [(each.model, each.prompt_tokens) for each in decoded.events],
        [each.reason for each in decoded.rejected],
        [each.reason for each in decoded.skipped],
    )


@pytest.mark.parametrize("text", [LETTER, LONG + LETTER])
@pytest.mark.parametrize("nested", [(), ("gen_ai.input.messages",)])
def test_a_prompt_that_is_not_utf_8_counts(text, nested):
    value = batch(request(), request(gen_ai__input__messages=text), request(), nested=nested)

    assert read(value) == ([("gpt-4o", 5)] * 3, [], [])


@pytest.mark.parametrize("key", ["http.url", "exception.message"])
def test_a_text_that_nobody_reads_may_be_anything(key):
    assert read(batch(request(), {**request(), key: LONG + LETTER})) == (
        [("gpt-4o", 5)] * 2,
        [],
        [],
    )


@pytest.mark.parametrize("key", ["gen_ai.request.model", "tenant.id", "gen_ai.operation.name"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_name_that_is_not_utf_8_rejects_its_request_alone(key, nested):
    broken = {**request(), key: LONG + LETTER}
    value = batch(request(), broken, request(), nested=(key,) if nested else ())
    if nested:
        # The other ones have it in an array as well.
        value = batch(broken, nested=(key,))

    events, rejected, _ = read(value)

    assert rejected == ["not_utf8"]
    assert events == ([] if nested else [("gpt-4o", 5)] * 2)


def test_an_ordinary_span_is_ordinary_whatever_its_texts():
    value = batch(request(), {"user.id": LETTER, "http.method": "GET"})

    assert read(value) == ([("gpt-4o", 5)], [], ["not_a_request"])


def logs(*records):
    data = LogsData()
    scope = data.resource_logs.add().scope_logs.add()
    for body, attributes in records:
        record = scope.log_records.add()
        record.time_unix_nano = 1_795_003_280 * 10**9
        record.body.string_value = body
        for key, value in attributes.items():
            pair = record.attributes.add()
            pair.key, pair.value.string_value = key, value
    return data.SerializeToString().replace(LETTER.encode(), BROKEN)


API = {"event.name": "api_request", "model": "claude-x", "input_tokens": "5", "output_tokens": "1"}
LINE = '{"model": "gpt-4o", "prompt_tokens": 5, "completion_tokens": 1}'


def test_a_log_record_that_is_not_utf_8_costs_no_other():
    value = logs(
        (LINE, {}),
        ("an é in a line", {}),
        ("", API),
        ("", {**API, "prompt": LETTER}),
        ("", {**API, "gen_ai.prompt": LETTER}),
        (LINE, {"host": LETTER}),
    )

    events, rejected, skipped = read(value)

    assert events == [("gpt-4o", 5), *[("claude-x", 5)] * 3, ("gpt-4o", 5)]
    assert (rejected, skipped) == ([], ["not_a_request"])


@pytest.mark.parametrize(
    "record", [("", {**API, "model": LETTER}), (LINE.replace("gpt", LETTER), {})]
)
def test_a_log_record_whose_names_are_not_utf_8_is_rejected_alone(record):
    events, rejected, _ = read(logs((LINE, {}), record, (LINE, {})))

    assert len(events) == 2
    assert len(rejected) == 1
