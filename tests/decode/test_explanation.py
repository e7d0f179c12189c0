"""Every count is explained by keys of the record whose values add up to it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from every import every
from format_documents import SAMPLES, by_name
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples

from streams.classify.language import detect as detect_module
from streams.cli.explained import LEFT_OUT, NESTED, SKIPPED, as_json, lines
from streams.decode import explanation as explanation_module
from streams.decode.contents import Packed, contents_of
from streams.decode.decoder import Decoder
from streams.decode.event import SKIP_REASONS, event_time
from streams.decode.explanation import explained
from streams.decode.formats.raw_usage import whole
from streams.decode.options import Options, language_of

LARGE = 2**24
STEP = re.compile(r'document (\d+) > | > |\["([^"]*)"\]|\[(\d+)\]|([^.\[> ]+)\.?')
WRAPS = ("value", "stringValue", "intValue", "doubleValue", "boolValue")


def explain(document, options=None, headers=()):
    return explained(json.dumps(document).encode(), headers, options or Options())


def value_at(packed, path):
    """Return the value that a path leads to, as somebody finds it who reads it."""
    node = packed if path.startswith("document ") else packed.documents[0]
    for step in STEP.finditer(path):
        document, quoted, place, name = step.groups()
        if document is not None:
            node = node.documents[int(document) - 1]
            continue
        if step[0] == " > ":
            continue
        while isinstance(node, Packed):
            node = node.documents[0]
        if place is not None:
            node = node[int(place)]
        elif quoted is not None and isinstance(node, list):
            node = _unwrapped(next(each for each in node if quoted in each.values()))
        else:
            node = node[name if quoted is None else quoted]
    return node


def _unwrapped(node):
    while isinstance(node, dict):
        inner = next((name for name in WRAPS if name in node), None)
        if inner is None:
            break
        node = node[inner]
    return node


@every(SAMPLES, name=by_name)
def test_the_keys_of_every_count_add_up_to_it(sample):
    explanation = explained(sample.value, sample.headers, sample.options)
    decoded = Decoder(sample.options).decode(sample.value, sample.headers)
    printed = [
        {"prompt_tokens": event.prompt_tokens, "completion_tokens": event.completion_tokens}
        | ({"requests": event.requests} if hasattr(event, "requests") else {})
        for event in decoded.events
        if event.ts is None or event_time(event.ts, None) is not None
    ]
    counted = [each for each in explanation.items if each.outcome == "counted"]

    assert [each.counts for each in counted] == printed
    if not counted:
        return
    packed = contents_of(sample.value, sample.headers, LARGE).packed
    assert {each.reader for each in counted} <= {*decoded.formats}
    for item in counted:
        for name, count in item.counts.items():
            terms = item.terms[name]
            assert sum(each.value * each.sign for each in terms) == count
            for each in terms:
                assert whole(value_at(packed, each.key)) == each.value, each.key


@every(SAMPLES, name=by_name)
def test_every_item_is_named_with_what_became_of_it(sample):
    decoded = Decoder(sample.options).decode(sample.value, sample.headers)
    explanation = explained(sample.value, sample.headers, sample.options)
    skipped = [each.why for each in explanation.items if each.outcome == "skipped"]

    assert skipped == [each.reason for each in decoded.skipped]
    assert len(explanation.items) == len([*decoded.events, *decoded.skipped, *decoded.rejected])
    assert len(list(lines("file", explanation))) > len(explanation.items)
    json.dumps(as_json(explanation))


@every(SAMPLES, name=by_name)
def test_the_model_is_named_where_it_stands(sample):
    explanation = explained(sample.value, sample.headers, sample.options)
    models = iter(Decoder(sample.options).decode(sample.value, sample.headers).events)
    for item in explanation.items:
        if item.outcome != "counted":
            continue
        event = next(models)
        if "model" in item.keys:
            packed = contents_of(sample.value, sample.headers, LARGE).packed
            found = value_at(packed, item.keys["model"])
            found = found.documents[0] if isinstance(found, Packed) else found
            assert found == event.model


def test_every_reason_has_its_words():
    assert {*SKIP_REASONS} <= {*SKIPPED}
    assert {*NESTED} <= {*SKIP_REASONS}
    assert all(LEFT_OUT.values())


NATIVE = {"model": "gpt-4o", "prompt_tokens": 12, "completion_tokens": 3}


def keys_of(item, name):
    return [(each.key, each.sign) for each in item.terms[name]]


def test_a_cache_inside_is_left_out_and_one_beside_is_added():
    details = {"prompt_tokens_details": {"cached_tokens": 4}}
    inside = {"prompt_tokens": 9, "completion_tokens": 1, **details}
    beside = {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 4}
    one, other = explain([{"model": "m", "usage": each} for each in (inside, beside)]).items

    assert keys_of(one, "prompt_tokens") == [("[0].usage.prompt_tokens", 1)]
    assert [(each.value, each.why) for each in one.left_out] == [(4, "cache_inside_the_prompt")]
    assert len(keys_of(other, "prompt_tokens")) == 2
    assert other.left_out == []


def test_reasoning_that_only_a_total_holds_is_a_difference():
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40}
    [item] = explain({"model": "m", "usage": usage}).items

    assert sorted(keys_of(item, "completion_tokens")) == [
        ("usage.prompt_tokens", -1),
        ("usage.total_tokens", 1),
    ]
    assert [(each.key, each.why) for each in item.left_out] == [
        ("usage.completion_tokens", "not_read")
    ]


def test_a_total_of_just_the_parts_explains_nothing():
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    [item] = explain({"model": "m", "usage": usage}).items

    assert keys_of(item, "completion_tokens") == [("usage.completion_tokens", 1)]
    assert [each.why for each in item.left_out] == ["total"]


def test_a_count_that_is_not_there_has_no_key():
    [item] = explain({"model": "m", "usage": {"prompt_tokens": 10}}).items

    assert item.counts == {"prompt_tokens": 10, "completion_tokens": 0}
    assert item.terms["completion_tokens"] == []


def test_a_count_of_zero_is_named():
    [item] = explain(NATIVE | {"completion_tokens": 0}).items

    assert keys_of(item, "completion_tokens") == [("completion_tokens", 1)]


def _span(number, parent, operation, prompt):
    return {
        "traceId": "t",
        "spanId": number,
        "parentSpanId": parent,
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": operation}},
            {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(prompt)}},
        ],
    }


def _trace(*spans):
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def test_a_span_that_repeats_the_one_inside_it_is_left_out_as_that():
    items = explain(_trace(_span("a", "", "chat", 7), _span("b", "a", "chat", 7))).items

    assert [(each.outcome, each.why, each.is_nested) for each in items] == [
        ("skipped", "duplicate", True),
        ("counted", None, False),
    ]
    assert items[1].at == "resourceSpans[0].scopeSpans[0].spans[1]"


def test_the_usage_of_a_sum_is_left_out_with_its_item():
    items = explain(_trace(_span("a", "", "invoke_agent", 7), _span("b", "a", "chat", 7))).items

    assert (items[0].outcome, items[0].why) == ("skipped", "not_a_request")
    assert [(each.value, each.why) for each in items[0].left_out] == [(7, "item_skipped")]


def test_the_envelopes_are_named_from_the_outside():
    document = {"schema": {}, "payload": json.dumps({"message": json.dumps(NATIVE)})}
    [item] = explain(document).items

    assert item.envelopes == (
        *("Kafka Connect", "JSON in a text", "the field message", "JSON in a text"),
    )
    assert keys_of(item, "prompt_tokens") == [("payload > message > prompt_tokens", 1)]


DETECTING = Options(detect=language_of)
PAYLOAD = NATIVE | {"call_type": "acompletion", "startTime": 1795003280.5}


def test_the_text_that_decides_on_a_language_is_named_by_its_place_alone():
    messages = [
        {"role": "system", "content": "You are a helpful assistant of the library."},
        {"role": "user", "content": "Сколько книг можно взять на дом?"},
    ]
    explanation = explain(PAYLOAD | {"messages": messages}, DETECTING)
    [item] = explanation.items
    shown = json.dumps(as_json(explanation)) + "".join(lines("file", explanation))

    assert item.language.source == "detected"
    assert item.language.language == "ru"
    assert "messages[1].content" in item.language.keys
    assert item.language.rule is not None
    assert "книг" not in shown
    assert "library" not in shown


def test_a_declared_language_is_named_by_its_key():
    [item] = explain(NATIVE | {"language": "kk"}, DETECTING).items

    assert (item.language.source, item.language.keys) == ("declared", ["language"])


def test_without_a_text_there_is_no_language():
    [item] = explain(NATIVE, DETECTING).items

    assert (item.language.source, item.language.keys) == ("none", [])


def test_a_mapping_is_explained_by_its_paths():
    paths = {"model": "m", "prompt_tokens": "in.a+in.b", "requests": "n"}
    [item] = explain({"m": "gpt-4o", "in": {"a": 4, "b": "5"}, "n": 3}, Options(paths=paths)).items

    assert keys_of(item, "prompt_tokens") == [("in.a", 1), ("in.b", 1)]
    assert keys_of(item, "requests") == [("n", 1)]


def test_a_large_batch_is_explained_item_by_item():
    spans = [_span(f"{number:016x}", "", "chat", number) for number in range(300)]
    explanation = explain(_trace(*spans))

    assert explanation.is_whole
    assert all(
        sum(each.value for each in item.terms["prompt_tokens"]) == number
        for number, item in enumerate(explanation.items)
    )


@pytest.mark.parametrize("detects", [False, True])
def test_what_is_tried_is_bounded_however_many_items_there_are(monkeypatch, detects):
    tried = []
    monkeypatch.setattr(explanation_module, "_MAX_BYTES", 1_000_000)
    monkeypatch.setattr(Decoder, "items", _counted(Decoder.items, tried))
    monkeypatch.setattr(
        detect_module, "detect_messages", _counted(detect_module.detect_messages, tried)
    )
    rows = [
        NATIVE | {"call_type": "acompletion", "startTime": at, "messages": f"a long text {at}"}
        for at in range(1_763_900_000, 1_763_902_000)
    ]
    value = b"\n".join(json.dumps(each).encode() for each in rows)
    explanation = explained(value, [], Options(detect=language_of) if detects else Options())

    assert not explanation.is_whole
    assert [each.outcome for each in explanation.items] == ["counted"] * len(rows)
    # Each is read before anything is tried, and its language is detected.
    assert len(tried) < 1_500 + 3 * len(rows) * detects


def _counted(function, calls):
    def counted(*args):
        calls.append(None)
        return function(*args)

    return counted


def test_what_is_too_large_to_be_tried_is_reported(monkeypatch):
    monkeypatch.setattr(explanation_module, "_MAX_BYTES", 200)
    explanation = explain(NATIVE)

    assert not explanation.is_whole
    assert "too large or too deep" in list(lines("file", explanation))[-1]


@pytest.mark.parametrize("depth", [50, 150, 300, 600, 1000])
def test_a_deep_record_is_explained_or_said_not_to_be(depth):
    value = b'{"a":' * depth + b"1" + b"}" * depth
    document = json.dumps(NATIVE)[:-1].encode() + b', "deep": ' + value + b"}"
    explanation = explained(document, [], Options())

    for item in explanation.items:
        for name, count in item.counts.items():
            assert sum(each.value * each.sign for each in item.terms[name]) == count
    assert explanation.is_whole is all(
        item.counts for item in explanation.items if item.outcome == "counted"
    )


counts = st.integers(0, 1000)
usages = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            *("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens"),
            *("output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
            *("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"),
        ),
        counts,
    ),
)


@settings(max_examples=examples(300), deadline=None)
@given(usages, st.sampled_from(["usage", "usageMetadata"]))
def test_every_usage_object_is_explained(usage, name):
    document = {"model": "gpt-4o", name: usage}
    for item in explain(document).items:
        for kind, count in item.counts.items():
            assert sum(each.value * each.sign for each in item.terms[kind]) == count


@settings(max_examples=examples(100), deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_no_value_makes_it_raise(value, is_protobuf):
    headers = [("content-type", b"application/x-protobuf")] if is_protobuf else []

    list(lines("file", explained(value, headers, replace(Options(), detect=language_of))))


def rows(*each):
    return b"\n".join(
        json.dumps({"model": "gpt-4o", "ts": 1_795_003_280, **row}).encode() for row in each
    )


def alone(value):
    """Return the explanations of lines, each explained for itself."""
    return [explained(line, [], Options()).items[0] for line in value.splitlines()]


def of_item(item):
    """Return what an item was read from, without where it lies in its record."""
    terms = {
        name: [(each.key.rpartition(" > ")[2], each.value, each.sign) for each in some]
        for name, some in item.terms.items()
    }
    keys = {name: key.rpartition(" > ")[2] for name, key in item.keys.items()}
    left_out = [(each.key.rpartition(" > ")[2], each.value, each.why) for each in item.left_out]
    return item.outcome, item.counts, terms, keys, left_out


def test_items_that_are_alike_are_explained_as_each_alone():
    usages = [
        {"input_tokens": 10, "output_tokens": 3},
        {"input_tokens": 20, "output_tokens": 4},
        {"input_tokens": 0, "output_tokens": 4},
        # A total above its parts adds to the output, and one that is their sum does not.
        {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 20},
        {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 30},
        {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15},
        {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 9},
        # Reasoning above its whole lies beside it.
        {
            "prompt_tokens": 7,
            "completion_tokens": 9,
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
        {
            "prompt_tokens": 7,
            "completion_tokens": 5,
            "completion_tokens_details": {"reasoning_tokens": 9},
        },
    ]
    value = rows(*({"usage": each} for each in usages * 3))

    found = explained(value, [], Options())

    assert found.is_whole
    assert [of_item(each) for each in found.items] == [of_item(each) for each in alone(value)]


def test_a_model_that_decides_keeps_items_apart():
    rows_of_posthog = [
        {
            "event": "$ai_generation",
            "distinct_id": "u",
            "timestamp": "2026-11-18T12:01:20Z",
            "properties": {
                "$ai_model": model,
                "$ai_input_tokens": 100,
                "$ai_cache_read_input_tokens": 50,
                "$ai_output_tokens": 7,
            },
        }
        for model in ("gpt-4o", "claude-haiku-4-5", "gpt-5", "claude-opus-4-5")
    ]
    value = b"\n".join(json.dumps(each).encode() for each in rows_of_posthog)

    found = explained(value, [], Options())

    assert [each.counts["prompt_tokens"] for each in found.items] == [100, 150, 100, 150]
    assert [of_item(each) for each in found.items] == [of_item(each) for each in alone(value)]


@pytest.mark.parametrize("parent", [0, 1])
def test_of_many_items_only_the_first_ones_are_tried(monkeypatch, parent):
    """Also where spans repeat each other, or lie in each other."""
    spans = [
        {
            "traceId": "a" * 32,
            "spanId": f"{at * parent + 1:016x}",
            "parentSpanId": f"{at * parent or 9:016x}",
            "startTimeUnixNano": "1795003280000000000",
            "attributes": [
                {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(5 + at)}},
            ],
        }
        for at in range(400)
    ]
    value = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    decoded = []
    items = Decoder.items
    monkeypatch.setattr(
        Decoder, "items", lambda self, *given: decoded.append(1) or items(self, *given)
    )

    found = explained(value, [], Options())

    assert found.is_whole
    assert len(decoded) < 50
    counted = [each for each in found.items if each.terms]
    assert len(counted) == 400
    assert all(each.terms["prompt_tokens"][0].value == 5 + at for at, each in enumerate(counted))
