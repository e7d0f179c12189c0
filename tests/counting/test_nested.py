"""Spans of one request in several records count once, also after a restart at any record."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.counting.partition import Partition
from streams.counting.repeats import Repeats
from streams.decode.decoder import Decoder
from streams.decode.options import Options
from streams.decode.reader import Reader
from streams.decode.trace_memory import TraceMemory
from streams.state.codec import parse_key

NOW = 1_800_000_000.0
START = int(NOW - 60) * 10**9
SECOND = 10**9
CLASSIFIER = Classifier(Catalog.load())
READER = Reader(CLASSIFIER, Options(), with_spans=True)
CHAT = "chat"


def span(key, parent=0, counts=None, *, operation=CHAT, at=0, lasts=10, trace=1, answer=None):
    """Return a span; `counts` are its prompt and completion, None for a span without usage."""
    attributes = {}
    if answer is not None:
        attributes["gen_ai.response.id"] = {"stringValue": answer}
    if operation is not None:
        attributes["gen_ai.operation.name"] = {"stringValue": operation}
    if counts is not None:
        attributes["gen_ai.request.model"] = {"stringValue": "gpt-4o"}
        attributes["gen_ai.usage.input_tokens"] = {"intValue": str(counts[0])}
        attributes["gen_ai.usage.output_tokens"] = {"intValue": str(counts[1])}
    made = {
        "traceId": f"{trace:032x}",
        "spanId": f"{key:016x}",
        "startTimeUnixNano": str(START + at * SECOND),
        "endTimeUnixNano": str(START + (at + lasts) * SECOND),
        "attributes": [{"key": name, "value": value} for name, value in attributes.items()],
    }
    return made | ({"parentSpanId": f"{parent:016x}"} if parent else {})


def record(*spans, scope=None):
    scoped = {"scope": {"name": scope}, "spans": spans} if scope else {"spans": spans}
    return json.dumps({"resourceSpans": [{"scopeSpans": [scoped]}]}).encode()


def lines(*records):
    return b"\n".join(records)


def new(records=(), generation=1, trace_records=100):
    return Partition.restore(0, generation, dict(records), trace_records=trace_records)


def count(partition, values, start=0):
    for reading in READER.values(start, values):
        partition.apply(reading, CLASSIFIER, NOW)


def counted(*values, trace_records=100):
    """Return how many requests, and how many tokens, are counted of records."""
    partition = new(trace_records=trace_records)
    count(partition, list(values))
    return totals(partition)


def totals(partition):
    found = list(partition.totals.origins.values())
    return sum(each[0] for each in found), sum(sum(each[1:3]) for each in found)


def test_a_sum_in_a_later_record_does_not_count():
    part, whole = span(2, 1, (10, 1)), span(1, 0, (10, 1), operation=None)

    assert counted(record(part), record(whole)) == (1, 11)


def test_a_sum_is_found_through_spans_without_usage_in_any_record():
    inner, tool, agent = span(3, 2, (10, 1)), span(2, 1), span(1, 0, (30, 3), operation=None)

    assert counted(record(inner), record(tool), record(agent)) == (1, 11)
    assert counted(record(tool), record(inner), record(agent)) == (1, 11)


def test_the_client_and_the_gateway_count_once_whichever_comes_first():
    client, way, gateway = span(1, 0, (10, 1)), span(2, 1), span(3, 2, (10, 1), at=1, lasts=5)

    assert counted(record(client, way), record(gateway)) == (1, 11)
    assert counted(record(gateway), record(way), record(client)) == (1, 11)


def test_a_sum_that_came_first_holds_what_comes_later():
    whole = span(1, 0, (30, 3), operation=None)
    parts = [record(span(key, 1, (10, 1))) for key in (2, 3, 4)]

    assert counted(record(whole), *parts) == (1, 33)


def test_what_comes_after_a_sum_that_was_skipped_counts():
    whole = span(1, 0, (30, 3), operation=None)

    assert counted(record(span(2, 1, (10, 1))), record(whole), record(span(3, 1, (20, 2)))) == (
        2,
        33,
    )


def unread_span(key, parent=0):
    """Return a span that names a model and a count by names of its own."""
    made = span(key, parent, operation=None)
    attributes = [
        {"key": "app.model", "value": {"stringValue": "gpt-4o"}},
        {"key": "app.total_tokens", "value": {"intValue": "11"}},
    ]
    return made | {"attributes": attributes}


def unread(*values, trace_records=100):
    partition = new(trace_records=trace_records)
    count(partition, list(values))
    found = partition.totals
    assert found.records.get("skipped/unread_usage", 0) == sum(found.unread.values())
    return sum(found.unread.values()), found.records.get("skipped/not_a_request", 0)


def test_an_unread_sum_around_what_counts_is_none_in_any_record():
    part, whole = record(span(2, 1, (10, 1))), record(unread_span(1))

    assert unread(part, whole) == (0, 1)
    assert unread(part, whole, trace_records=0) == (1, 0)
    assert unread(record(unread_span(3)), part) == (1, 0)


def test_an_unread_span_inside_what_counts_is_none_in_any_record():
    whole, way, part = span(1, 0, (10, 1)), span(2, 1), unread_span(3, 2)

    assert unread(record(whole), record(way), record(part)) == (0, 1)


def test_a_restart_changes_nothing_for_unread_spans():
    part, whole = record(span(2, 1, (10, 1))), record(unread_span(1))
    first = new()
    count(first, [record(unread_span(9)), part])
    second = restarted(first, [record(unread_span(9)), part])
    count(second, [whole], 2)

    assert second.totals.unread == {"otlp/app.model,app.total_tokens": 1}
    assert second.totals.unread_at == START / 10**9


def test_unread_usage_before_any_event_has_the_time_of_the_clock():
    partition = new()
    count(partition, [record(unread_span(1))])

    assert partition.totals.unread_at == NOW


def test_only_unread_spans_are_read_again_after_a_restart():
    first = new()
    count(first, [record(unread_span(3, 2))])

    assert restarted(first, [record(unread_span(3, 2))]).has_spans


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param([span(2, 1)], [span(1, 0, (10, 1)), span(3, 2, (10, 1))], id="no usage"),
        pytest.param(
            [span(2, 1, (10, 1), at=10_000)],
            [span(1, 0, (10, 1)), span(3, 2, (10, 1))],
            id="rejected",
        ),
    ],
)
def test_spans_of_which_none_counts_are_read_again_after_a_restart(first, second):
    # The one inside repeats the one around: the span between them came before the restart.
    values = [record(*first), *map(record, second)]
    partition = new()
    count(partition, values[:1])
    after = restarted(partition, values)
    count(after, values[1:], start=1)

    assert totals(partition) == (0, 0)
    assert totals(after) == counted(*values) == (1, 11)


def test_a_line_of_another_format_in_a_span_is_read_again_after_a_restart():
    line = log_line(body='{"model":"gpt-4o","prompt_tokens":10,"completion_tokens":1}')
    partition = new()
    count(partition, [line])
    after = restarted(partition, [line])
    count(after, [line], start=1)

    assert partition.totals.events == {"native": 1}
    assert totals(after) == counted(line, line) == (1, 11)


def test_spans_of_an_owner_that_compared_none_are_read_again_after_a_restart():
    reader = Reader(CLASSIFIER, Options())
    partition = new(trace_records=0)
    for reading in reader.values(0, [sdk(1)]):
        partition.apply(reading, CLASSIFIER, NOW)
    after = restarted(partition, [sdk(1)])
    count(after, [added(2)], start=1)

    assert totals(after) == (1, 11)


def test_sources_beyond_the_bound_are_counted_together():
    partition = new()
    values = [
        json.dumps(
            {
                "remote_addr": "a",
                f"m{chr(97 + at // 26)}{chr(97 + at % 26)}_model": "m",
                "total_tokens": 1,
            }
        ).encode()
        for at in range(50)
    ]
    count(partition, values)

    assert len(partition.totals.unread) == 33
    assert partition.totals.unread["access_log/other"] == 18
    assert sum(partition.totals.unread.values()) == 50


def test_requests_named_as_such_count_beside_each_other():
    outer, inner = span(1, 0, (50, 5)), span(2, 1, (10, 1))
    late = span(4, 3, (10, 1), at=20)

    assert counted(record(inner), record(outer)) == (2, 66)
    # It began after the one around it had ended.
    assert counted(record(span(3, 0, (10, 1))), record(late)) == (2, 22)


def test_a_span_that_is_exported_again_counts_once():
    assert counted(record(span(1, 0, (10, 1))), record(span(1, 0, (10, 1)))) == (1, 11)
    assert counted(record(span(1, 0, (10, 1))), record(span(1, 0, (10, 1), trace=2))) == (2, 22)


def sdk(key, counts=(10, 1), **other):
    return record(span(key, 0, counts, trace=key, answer="msg_1", **other), scope="sdk")


def added(key, counts=(10, 2), **other):
    return record(span(key, 0, counts, trace=key, answer="msg_1", **other), scope="added")


def test_an_answer_that_two_instrumentations_report_counts_once():
    assert counted(lines(sdk(1), added(2))) == (1, 11)
    assert counted(sdk(1), added(2)) == (1, 11)
    assert counted(added(2), sdk(1)) == (1, 12)


def test_an_id_that_a_server_uses_again_is_another_answer():
    assert counted(sdk(1), sdk(2)) == (2, 22)
    assert counted(lines(sdk(1), sdk(2))) == (2, 22)
    assert counted(sdk(1), added(2), sdk(3), added(4)) == (2, 22)
    assert counted(sdk(1), added(2, at=20)) == (2, 23)
    assert counted(sdk(1), added(2, counts=(11, 1))) == (2, 23)


def test_the_span_of_an_answer_inside_the_one_that_repeats_it_counts():
    inner = span(2, 1, (10, 1), answer="msg_1")
    outer = span(1, 0, (10, 1), answer="msg_1")
    together = lines(record(outer, scope="added"), record(inner, scope="sdk"))

    assert counted(together) == (1, 11)
    assert counted(record(inner, scope="sdk"), record(outer, scope="added")) == (1, 11)
    assert counted(record(outer, scope="added"), record(inner, scope="sdk")) == (1, 11)


def test_an_answer_is_compared_across_a_restart():
    partition = new()
    count(partition, [sdk(1)])
    after = restarted(partition, [sdk(1)])
    count(after, [added(2)], start=1)

    assert totals(after) == (1, 11)


@pytest.mark.parametrize(("key", "trace"), [(0, 1), (1, 0), (0, 0)])
def test_ids_of_zeros_are_no_ids(key, trace):
    nobody = span(key, counts=(30, 3), trace=trace)

    assert counted(record(nobody, nobody), record(nobody)) == (3, 99)


def batch(name, call="aretrieve_batch"):
    """Return LiteLLM's payload of a finished batch, as each retrieval logs it."""
    return json.dumps(
        {
            "id": name,
            "call_type": call,
            "model": "gpt-4o",
            "prompt_tokens": 300,
            "completion_tokens": 20,
            "startTime": NOW - 60,
        }
    ).encode()


def test_a_batch_that_litellm_logs_at_each_retrieval_counts_once():
    assert counted(batch("batch_1"), batch("batch_1"), batch("batch_2")) == (2, 640)
    assert counted(batch("r-1", "acompletion"), batch("r-1", "acompletion")) == (2, 640)


def test_batches_without_an_id_repeat_nothing():
    assert counted(b"[" + batch("") + b"," + batch("") + b"]", batch("")) == (3, 960)


def test_a_batch_is_counted_once_across_a_restart():
    partition = new()
    count(partition, [batch("batch_1")])
    after = restarted(partition, [batch("batch_1")])
    count(after, [batch("batch_1")], start=1)

    assert totals(after) == (1, 320)


def test_spans_beyond_the_window_are_forgotten():
    part, whole = record(span(2, 1, (10, 1))), record(span(1, 0, (10, 1), operation=None))
    others = [record(span(1, 0, (1, 0), trace=number)) for number in range(2, 7)]

    assert counted(part, *others, whole, trace_records=6) == (6, 16)
    assert counted(part, *others, whole, trace_records=5) == (7, 27)


def test_zero_records_compare_nothing():
    part, whole = record(span(2, 1, (10, 1))), record(span(1, 0, (10, 1), operation=None))

    assert counted(part, whole, trace_records=0) == (2, 22)


def test_a_span_of_the_future_repeats_nothing_and_is_not_repeated():
    ahead = span(2, 1, (10, 1), at=10_000)
    whole = span(1, 0, (10, 1), operation=None)

    assert counted(record(ahead), record(whole)) == (1, 11)


def test_a_log_event_and_its_span_count_once():
    event = {
        "traceId": f"{1:032x}",
        "spanId": f"{7:016x}",
        "timeUnixNano": str(START),
        "eventName": "gen_ai.client.inference.operation.details",
        "attributes": span(7, 0, (10, 1))["attributes"],
    }
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [event]}]}]}).encode()

    assert counted(logs, record(span(7, 0, (10, 1)))) == (1, 11)
    assert counted(record(span(7, 0, (10, 1))), logs) == (1, 11)
    assert counted(logs) == (1, 11)


def log_line(counts=(), body=None, at=0):
    """Return a record with an access log, or with a line, that was written in a span."""
    fields = {
        "genai_model_name": "gpt-4o",
        **dict(zip(("genai_tokens_input", "genai_tokens_output"), map(str, counts), strict=False)),
    }
    attributes = [{"key": name, "value": {"stringValue": text}} for name, text in fields.items()]
    record = {
        "traceId": f"{1:032X}",
        "spanId": f"{7:016X}",
        "timeUnixNano": str(START + at),
        **({"attributes": attributes} if body is None else {"body": {"stringValue": body}}),
    }
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()


def test_an_access_log_and_its_span_count_once():
    own = record(span(7, 0, (10, 1)))

    assert counted(log_line((10, 1)), own) == (1, 11)
    assert counted(own, log_line((10, 1))) == (1, 11)
    assert counted(log_line((10, 1))) == (1, 11)
    assert counted(own, log_line((20, 2))) == (2, 33)


def test_two_lines_of_one_span_count_each():
    body = '{"model":"gpt-4o","prompt_tokens":10,"completion_tokens":1,"ts":1799999940}'
    values = log_line(body=body), log_line(body=body, at=1)

    assert counted(*values) == (2, 22)
    assert counted(lines(*values)) == (2, 22)
    assert counted(record(span(7)), *values) == (2, 22)


def test_memory_is_bounded_by_spans():
    memory = TraceMemory(1000, spans=50)
    partition = new()
    partition.repeats = Repeats(None, memory, 0, 1000)
    count(
        partition,
        [record(*(span(key, 99, (1, 1), trace=n) for key in range(9))) for n in range(99)],
    )

    assert len(memory) <= 2 * (50 + 50 // 4 + 9)


def test_spans_that_the_log_has_lost_are_forgotten():
    partition = new()
    count(partition, [record(span(2, 1, (10, 1)))])
    partition.cut_to(0)
    count(partition, [record(span(2, 1, (10, 1)))])

    assert totals(partition) == (2, 22)


def test_a_source_without_spans_is_not_read_again():
    partition = new()
    count(partition, [b'{"model":"gpt-4o","prompt_tokens":1,"completion_tokens":1}'] * 5)

    assert restarted(partition, []).read_to == 5


# --- laws


@st.composite
def traces(draw):
    """Return records of spans of some traces: parents come before, with or after their parts."""
    spans = []
    for trace in range(1, draw(st.integers(2, 4))):
        for key in range(1, draw(st.integers(2, 8))):
            parent = draw(st.integers(0, key - 1))
            counts = draw(st.sampled_from((None, (10, 1), (10, 1), (20, 2), (30, 3))))
            operation = draw(st.sampled_from((CHAT, CHAT, None)))
            answer = draw(st.sampled_from((None, "a", "b")))
            made = span(key, parent, counts, operation=operation, trace=trace, answer=answer)
            spans.append((draw(st.sampled_from(("one", "other"))), made))
    spans = draw(st.permutations(spans + spans[:2]))
    size = draw(st.integers(1, 4))
    return [
        lines(*(record(made, scope=scope) for scope, made in spans[at : at + size]))
        for at in range(0, len(spans), size)
    ]


def stored(partition):
    """Return the table after a flush, by pane."""
    flush = partition.begin_flush()
    partition.end_flush(flush, written=True)
    written = dict(flush.panes) | {flush.position[0]: flush.position[1]}
    return {parse_key(key)[1]: value for key, value in written.items()}


def restarted(partition, values, trace_records=100):
    """Return the partition of the next owner, which has read again what it has to remember."""
    owner = new(stored(partition), partition.generation + 1, trace_records)
    while owner.read_to < owner.position:
        for reading in READER.values(owner.read_to, values[owner.read_to : owner.position]):
            owner.remember(reading)
    return owner


@settings(max_examples=examples(200), deadline=None)
@given(traces(), st.data())
def test_a_restart_changes_nothing(values, data):
    reach = data.draw(st.integers(1, 6))
    at = data.draw(st.integers(0, len(values)))
    whole = new(trace_records=reach)
    count(whole, values)

    first = new(trace_records=reach)
    count(first, values[:at])
    second = restarted(first, values, reach)
    count(second, values[at:], at)

    assert second.totals == whole.totals


@settings(max_examples=examples(100), deadline=None)
@given(traces())
def test_no_order_of_records_counts_a_request_twice(values):
    # Each key is one span; more requests than spans with usage would be counted twice.
    together = Decoder(Options()).decode(b"\n".join(values))
    keys = {node.key for node in together.nodes if node.has_usage}
    requests, _ = counted(*values)

    assert requests <= len(keys)
    assert len(together.events) <= len(keys)
    assert (requests > 0) == bool(keys)
