"""A redacted record names nobody, shows no text, and is read as the same requests."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace

import pytest
from canaries import found_in, planted
from every import every
from format_documents import SAMPLES, by_name
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import apart, examples

from streams.classify.origin.catalog import Catalog
from streams.decode.contents import UnreadableError, contents_of, leaves
from streams.decode.decoder import Decoder
from streams.decode.field_names import is_field_name
from streams.decode.formats import otlp_names
from streams.decode.options import Options
from streams.decode.redaction import redacted

CATALOG = Catalog.load(None)
#: Nothing of a record is larger.
LARGE = 2**24


def redact(value, headers=(), options=None):
    """Return a record's redacted text."""
    if not isinstance(value, bytes | None):
        value = json.dumps(value).encode()
    return redacted(value, headers, options or Options(), is_known).text


def is_known(name):
    return CATALOG.classify(name).developer is not None


def counts(value, headers, options):
    decoded = Decoder(options).decode(value, headers)
    return [(each.model, each.prompt_tokens, each.completion_tokens) for each in decoded.events]


def test_no_key_is_printed_under_the_name_of_another_one():
    """Of two equal keys of an object only one is read."""
    record = {
        "john@example.com": 1,
        "k1": {"k3": "b", "some key": 4, "k2": 5},
        "another key": [{"key": "jane@example.com", "value": {"intValue": "3"}}],
        "k4": [{"key": "k5", "value": {"intValue": "3"}}],
    }

    found = json.loads(redact(record))

    assert [*found] == ["k6", "k1", "k8", "k4"]
    assert [*found["k1"]] == ["k3", "k7", "k2"]
    assert found["k8"][0]["key"] == "k9"
    assert found["k4"][0]["key"] == "k5"


def everything(text):
    """Return a text together with all that lies encoded in it."""
    held = contents_of(text.encode(), [], LARGE).packed
    return text + " ".join(str(leaf) for _, leaf in leaves(held))


def unlimited(sample):
    return replace(sample.options, max_record_bytes=LARGE)


@every(SAMPLES, name=by_name)
def test_a_redacted_sample_is_read_as_the_same_requests(sample):
    options = unlimited(sample)
    try:
        found = redacted(sample.value, sample.headers, options)
    except UnreadableError:
        assert not counts(sample.value, sample.headers, options)
        return
    headers = [each for each in sample.headers if each[0] != "content-type"]
    assert counts(found.text.encode(), headers, options) == counts(
        sample.value, sample.headers, options
    )
    assert all("not JSON" in note for note in found.notes)
    # Who reports usage that is not read sends this, so it has to show what is not read.
    assert _unread(found.text.encode(), headers, options) == _unread(
        sample.value, sample.headers, options
    )


def _unread(value, headers, options):
    skipped = Decoder(options).decode(value, headers).skipped
    return [each.reason for each in skipped].count("unread_usage")


@every(SAMPLES, name=by_name)
def test_what_is_redacted_twice_is_what_is_redacted_once(sample):
    try:
        text = redact(sample.value, sample.headers, unlimited(sample))
    except UnreadableError:
        return
    again = redact(text.encode(), (), unlimited(sample))
    assert len(again.splitlines()) == len(text.splitlines())


@every(SAMPLES, name=by_name)
def test_no_leaf_is_shown(sample):
    for each in planted(sample, apart()):
        try:
            text = redact(each.value, each.headers, unlimited(sample))
        except UnreadableError as error:
            text = str(error)
            shown = found_in(text)
        else:
            shown = found_in(everything(text))
        assert shown <= each.models, text


SECRET = "The launch of Project Aurora is on Friday"
EVENT = {
    "id": "req-8a7d-4471",
    "ts": 1795003280.5,
    "model": "gpt-4o",
    "prompt_tokens": 12,
    "completion_tokens": 3,
    "tenant": "acme-berlin",
    "headers": {"authorization": "Bearer sk-live-4f9a", "x-real-ip": "203.0.113.7"},
    "url": "https://gateway.acme.example/v1/chat?key=sk-live-4f9a",
    "prompt": SECRET,
    "by_user": {"jane.doe@acme.example": 4, "5f3c9a1be07d4c2a": 7, "0451234567": 1},
    "phone": 4915112345678,
    "cost": 0.0123,
}
PRIVATE = (
    *("req-8a7d", "acme", "sk-live", "203.0", "Aurora", "Friday", "jane", "5f3c9a", "0451234567"),
    *("4915112345678", "0.0123", "1795003280", "Bearer", "https"),
)
WRITTEN = {
    "json": json.dumps(EVENT).encode(),
    "lines": b"\n".join([json.dumps(EVENT).encode()] * 2),
    "gzip": gzip.compress(json.dumps(EVENT).encode()),
    "text": json.dumps(json.dumps(EVENT)).encode(),
    "shipped": json.dumps({"host": "node-17", "message": json.dumps(EVENT)}).encode(),
    "events": b"data: " + json.dumps(EVENT).encode() + b"\n\n",
    "base64": json.dumps(
        {"records": [{"data": base64.b64encode(json.dumps(EVENT).encode()).decode()}]}
    ).encode(),
    "zipped in base64": json.dumps(
        {
            "records": [
                {"data": base64.b64encode(gzip.compress(json.dumps(EVENT).encode())).decode()}
            ]
        }
    ).encode(),
    "utf-16": json.dumps(EVENT).encode("utf-16"),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_every_encoding_is_redacted_inside(how):
    text = redact(WRITTEN[how])

    assert [each for each in PRIVATE if each in everything(text)] == []
    assert counts(text.encode(), (), Options()) == counts(WRITTEN[how], (), Options()) != []


def test_names_of_fields_counts_and_the_model_stay():
    found = json.loads(redact(EVENT))

    assert list(found)[:7] == list(EVENT)[:7]
    assert (found["model"], found["prompt_tokens"], found["completion_tokens"]) == ("gpt-4o", 12, 3)
    assert [*found["headers"]] == ["authorization", "x-real-ip"]
    assert type(found["cost"]) is float
    assert type(found["phone"]) is int


@pytest.mark.parametrize(
    "field",
    [
        {"prompt_token_ids": [9707, 11, 847]},
        {"tokens": [9707, 11, [847.0]]},
        {"usage": {"tokens": ["9707", "11", "847"]}},
        {"usage": {"tokens": [{"token": 9707}, {"token": 11}, {"token": 847}]}},
        {"prompt_tokens_list": "[9707, 11, 847]"},
    ],
)
def test_numbers_in_a_list_are_a_text_and_no_counts(field):
    text = redact({"model": "qwen3", "prompt_tokens": 5, "completion_tokens": 3} | field)
    assert "9707" not in text
    assert "847" not in text
    assert '"prompt_tokens":5' in text


def test_numbers_in_a_list_are_all_equal_as_letters_would_show_by_how_often_they_occur():
    assert json.loads(redact({"bytes": [104, 101, 108, 108, 111, 7]}))["bytes"] == [1000] * 6


def test_the_numbers_of_a_span_in_a_list_are_no_counts():
    ids = {"arrayValue": {"values": [{"intValue": "9707"}, {"intValue": "847"}]}}
    span = {"attributes": [{"key": "llm.prompt_token_ids", "value": ids}]}
    text = redact({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    assert "9707" not in text
    assert "847" not in text


def test_a_count_that_a_mapping_finds_in_a_list_stays():
    paths = {"model": "m", "prompt_tokens": "counts[0]", "completion_tokens": "counts.1"}
    value = json.dumps({"m": "qwen3", "counts": [812, 64]}).encode()
    found = redacted(value, [], Options(paths=paths), is_known)
    assert found.notes == ()
    assert "[812,64]" in found.text


def test_a_name_of_a_model_stays_only_in_the_field_of_a_model():
    text = redact(EVENT | {"prompt": "gpt-4o", "tenant": "gpt-4o"})

    assert text.count("gpt-4o") == 1


def test_of_a_record_that_no_reader_takes_the_known_model_stays():
    record = {"llmModel": "gpt-4o", "teamModel": "acme internal", "usage": {"in": 812, "out": 64}}
    found = json.loads(redact(record))

    assert found == {"llmModel": "gpt-4o", "teamModel": "x1", "usage": {"in": 812, "out": 64}}


def test_equal_texts_stay_equal_and_different_ones_different():
    first, second, third = json.loads(redact([{"a": "one", "b": "two", "c": "one"}]))[0].values()

    assert first == third != second


def test_times_keep_their_day_and_their_order():
    record = {"startTime": 1795003280.5, "endTime": 1795003281.5, "time": "2026-11-18T12:01:20Z"}
    found = json.loads(redact(record))

    assert found["startTime"] < found["endTime"]
    assert found["startTime"] // 86400 == 1795003280 // 86400
    assert found["time"] == "2026-11-18T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "no value"),
        (b"", "no content"),
        (b'{"prompt": "Project Aurora', "neither JSON"),
        (b"Project Aurora starts", "neither JSON"),
        (b"\xfcAurora", "UTF"),
        (gzip.compress(b"{}" * 99, mtime=0)[:-9], "gzip"),
    ],
)
def test_what_cannot_be_parsed_is_refused_and_not_repeated(value, message):
    with pytest.raises(UnreadableError, match=message) as refused:
        redact(value)
    assert "Aurora" not in str(refused.value)


@pytest.mark.parametrize("depth", [50, 150, 300, 600, 1000])
def test_a_deep_record_is_redacted_or_refused(depth):
    value = b'{"a":' * depth + json.dumps(SECRET).encode() + b"}" * depth
    try:
        text = redact(value)
    except UnreadableError as error:
        text = str(error)

    assert SECRET not in text
    assert depth > 50 or text.startswith("{")


def test_a_broken_line_is_left_out_and_reported():
    found = redacted(b'{"model": "Aurora"}\n{"model": "Aur\n{}', [], Options())

    assert found.text == '{"model":"x1"}\n{}'
    assert found.notes == ("lines that are not JSON are left out: 1",)


@pytest.mark.parametrize(
    "key",
    [
        *("model", "prompt_tokens", "x-request-id", "startTimeUnixNano", "llm.tokens.0.count"),
        *("ai.usage.promptTokens", "$ai_model", "@timestamp", "v1", "http2", "TOTAL", "_raw"),
        *otlp_names.WANTED,
    ],
)
def test_a_name_of_a_field_is_one(key):
    assert is_field_name(key)


@pytest.mark.parametrize(
    "key",
    [
        *("jane@acme.example", "4915112345678", "5f3c9a1be07d4c2a", "req_01H8XZ", "a b c"),
        *("550e8400-e29b-41d4-a716-446655440000", "sk-AbCdEfGhIj", "deadbeefcafe", "Привет"),
        *("what is the capital of France", "x" * 65, "", "https://acme.example/a", "xkqzvbnmwrt"),
    ],
)
def test_a_key_that_is_data_is_none(key):
    assert not is_field_name(key)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
letters = st.text("ABCDEFGHJKLMNPQRSTUVW", min_size=8)


@settings(max_examples=examples(200))
@given(values, letters)
def test_no_text_of_any_document_is_shown(document, secret):
    text = redact({"a": document, "b": [secret, {"c": secret.lower() + " " + secret}]})

    assert secret not in text
    json.loads(text)
