"""What carries documents to a topic changes nothing of them, in any order, and is bounded."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from pathlib import Path

import pytest
from every import every
from format_documents import by_name
from formats import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples

from streams.decode.decoder import FAILED, Decoder
from streams.decode.options import Options

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from check import facts

SAMPLES = [each for each in samples.load() if each.is_plain and each.folder != "unreadable"]
EVENT = b'{"model": "gpt-4o", "prompt_tokens": 12, "completion_tokens": 3}'


def decode(value, **options):
    return Decoder(Options(**options)).decode(value)


def text(value):
    return json.dumps(value.decode()).encode()


#: Around a value of any kind, or of JSON alone.
OF_BYTES = {
    "gzip": lambda value: gzip.compress(value, mtime=0),
    "byte order mark": lambda value: b"\xef\xbb\xbf" + value,
    "cloud event": lambda value: (
        b'{"specversion":"1.0","data_base64":"' + base64.b64encode(value) + b'"}'
    ),
    "firehose": lambda value: b'{"records":[{"data":"' + base64.b64encode(value) + b'"}]}',
}
OF_JSON = {
    "utf-16": lambda value: value.decode().encode("utf-16"),
    "registry": lambda value: b"\0\0\0\0\x07" + value,
    "text": text,
    "message": lambda value: b'{"message":' + text(value) + b',"host":"a"}',
    "log": lambda value: b'{"stream":"stdout","log":' + value + b"}",
    "both": lambda value: b'{"log":' + text(value) + b',"log_processed":' + value + b"}",
    "records": lambda value: b'{"records":[{"body":' + value + b"}]}",
    "connect": lambda value: b'{"schema":null,"payload":' + value + b"}",
    "debezium": lambda value: b'{"op":"c","before":null,"after":' + text(value) + b"}",
    "cloudwatch": lambda value: (
        b'{"messageType":"DATA_MESSAGE","logEvents":[{"message":' + text(value) + b"}]}"
    ),
    "stream": lambda value: b"data: " + value + b"\n\ndata: [DONE]\n\n",
}
ENVELOPES = {**OF_BYTES, **OF_JSON}


def found(decoded):
    """Return what an envelope must not change: it may add a time and an id."""
    return (
        decoded.format,
        [facts(event) | {"ts": None, "id": None} for event in decoded.events],
        [each.reason for each in decoded.rejected],
        [each.reason for each in decoded.skipped],
    )


def is_one_document(sample):
    try:
        return isinstance(json.loads(sample.value), dict)
    except ValueError:
        return False


DOCUMENTS = [
    each
    for each in SAMPLES
    if is_one_document(each)
    # What is of no format is a line like any other in the field of a log shipper.
    and not any(reason in ("missing_field", "other_format") for reason in each.rejected)
    and not each.name.endswith("too-deep")
]


@every(DOCUMENTS, name=by_name)
def test_an_envelope_changes_nothing_of_what_is_inside(sample):
    value = json.dumps(json.loads(sample.value)).encode()
    bare = found(decode(value))
    for name, envelope in ENVELOPES.items():
        assert found(decode(envelope(value))) == bare, name


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.sampled_from(sorted(ENVELOPES)), min_size=1, max_size=4))
def test_envelopes_come_in_any_order(names):
    value = EVENT
    for name in names:
        if name in OF_JSON and not value.startswith((b"{", b'"')):
            # Bytes that are no JSON are nothing that JSON can hold.
            value = b'{"records":[{"data":"' + base64.b64encode(value) + b'"}]}'
        value = ENVELOPES[name](value)

    decoded = decode(value)
    assert [
        (each.model, each.prompt_tokens, each.completion_tokens) for each in decoded.events
    ] == [("gpt-4o", 12, 3)]
    assert not decoded.rejected
    assert not decoded.skipped


@pytest.mark.parametrize("envelope", ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_in_itself_ends(envelope):
    value = EVENT
    for _ in range(20):
        try:
            value = envelope(value)
        except UnicodeDecodeError:
            return
        if len(value) > 1_000_000:
            break

    decoded = decode(value)
    assert decoded.events or decoded.rejected
    assert {each.reason for each in decoded.rejected} <= {
        *("bad_envelope", "not_an_object", "not_json", "missing_field")
    }


@pytest.mark.parametrize("count", [1, 2, 7])
def test_documents_one_after_another_are_read_like_lines(count):
    lines = decode(b"\n".join([EVENT] * count))
    for between in (b"", b" ", b"\r\n\r\n"):
        assert found(decode(between.join([EVENT] * count))) == found(lines)


@pytest.mark.parametrize(
    ("count", "outcome"),
    [
        pytest.param(100_000, "events", marks=pytest.mark.slow),
        (100_001, "too_large"),
        (1_000_000, "too_large"),
    ],
)
@pytest.mark.parametrize(
    "around",
    [(b'{"records":[', b",", b"]}"), (b"", b"", b""), (b"data:", b"\n\ndata:", b"\n\n")],
    ids=["records", "one after another", "events of a stream"],
)
def test_so_many_documents_are_read_and_no_more(count, outcome, around):
    before, between, after = around
    one = b'{"model":"m","prompt_tokens":1,"completion_tokens":1}' if count < 10**6 else b"{}"
    decoded = decode(before + between.join([one] * count) + after)
    if outcome == "events":
        assert len(decoded.events) == count
    else:
        assert [each.reason for each in decoded.rejected] == [outcome]


@pytest.mark.parametrize("count", [1, 200])
def test_what_values_decompress_to_is_bounded_for_a_record_not_for_each(count):
    bomb = base64.b64encode(gzip.compress(EVENT + b" " * 100_000, 9, mtime=0)).decode()
    value = json.dumps({"records": [{"data": bomb}] * count}).encode()
    decoded = decode(value, max_record_bytes=1_000_000)

    assert len(decoded.events) == min(count, 9)
    assert {each.reason for each in decoded.rejected} == ({"too_large"} if count > 9 else set())


@pytest.mark.parametrize(
    "value",
    [
        gzip.compress(b"", mtime=0) * 50_000,
        gzip.compress(b" " * 10_000_000, 9, mtime=0) * 100,
        gzip.compress(EVENT, mtime=0)[:-5] + b"\0" * 1_000_000,
        b"\0" * 1_000_000,
        b"\0\0\0\0\x07" + b" " * 1_000_000,
        b"data:\n" * 200_000,
        b"data: {\n" * 120_000,
        b"{}" * 500_000 + b"{",
        b'{"a":' * 500 + b"1" + b"}" * 500 + b"[" * 500_000,
        json.dumps({"records": [{"message": '{"log": "{"}'}] * 5_000}).encode(),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_megabyte_of_envelopes_without_anything_in_them_ends(value):
    decoded = decode(value)

    assert decoded.rejected or decoded.skipped
    assert FAILED not in {each.detail for each in decoded.rejected}


def test_gzip_that_zeros_fill_up_is_read():
    assert len(decode(gzip.compress(EVENT, mtime=0) + b"\0" * 500).events) == 1


def test_a_prefix_of_a_registry_names_its_schema_and_what_to_do():
    [rejected] = decode(b"\0\0\0\x01\x02\x02\x06abc").rejected

    assert "schema 258" in rejected.detail
    assert "Avro" in rejected.detail


def test_a_line_of_a_shipper_counts_at_its_time_and_keeps_its_own():
    for inside, ts in (
        (EVENT, "2026-11-18T12:01:20Z"),
        (EVENT[:-1] + b', "ts": 1795000000}', 1.795e9),
    ):
        line = {"@timestamp": "2026-11-18T12:01:20Z", "time": 0.5, "message": inside.decode()}
        [event] = decode(json.dumps(line).encode()).events
        assert event.ts == ts


def test_a_mapping_reads_rows_of_a_database():
    paths = {"model": "llm", "prompt_tokens": "in+cached", "completion_tokens": "out"}
    row = {"llm": "gpt-4o", "in": "10", "cached": 2, "out": 3.0}
    change = {"op": "c", "before": None, "after": row, "source": {"ts_ms": 1795003280500}}
    for value in (row, change, {"schema": {}, "payload": change}, {"records": [row]}):
        [event] = decode(json.dumps(value).encode(), paths=paths, format="custom").events
        assert (event.prompt_tokens, event.completion_tokens) == (12, 3)


def test_lines_of_texts_are_read_like_lines():
    lines = decode(EVENT + b"\n" + EVENT)
    assert found(decode(text(EVENT) + b"\n" + text(EVENT))) == found(lines)
    assert [each.reason for each in decode(b'"one"\n"two"').rejected] == ["not_json"]


@pytest.mark.parametrize("name", ["data", "message", "_source", "payload"])
def test_fields_nested_without_end_beside_others_end_as_no_document(name):
    deep = f'{{"{name}":' * 400 + "1" + "}" * 400
    decoded = Decoder().decode(f"[{deep}]".encode())

    assert FAILED not in {each.detail for each in decoded.rejected}
    assert not decoded.events
