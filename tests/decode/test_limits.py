"""A record with more in it than is read is refused before it is built, in every format."""

from __future__ import annotations

import json
import re
import tracemalloc
from pathlib import Path

import pytest
from dense import IDS, JSON, PROTOBUF, field, varint, within
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from laws import some
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from streams.decode.decoder import Decoder
from streams.decode.formats import wire
from streams.decode.formats.raw_usage import MAX_ITEMS

IS_PROTOBUF = [("content-type", b"application/x-protobuf")]
STATUS = Path("/proc/self/status")
#: What one record may take while it is read, beside its own bytes.
MOST_BYTES = 220_000_000
EVENT = {"model": "m", "prompt_tokens": 1, "completion_tokens": 1}


def reasons(value, headers=()):
    (decoded,) = Decoder().decode_many([value], [headers])
    return decoded.events, [each.reason for each in decoded.rejected], decoded.skipped


def peak() -> int:
    return int(re.search(r"VmHWM:\s+(\d+)", STATUS.read_text())[1]) * 1024


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="asks Linux for the peak of the process")
@pytest.mark.parametrize(
    ("make", "headers"),
    some(
        [
            *(
                pytest.param(make, IS_PROTOBUF, id=f"protobuf: {name}")
                for name, make in PROTOBUF.items()
            ),
            *(pytest.param(make, [], id=f"json: {name}") for name, make in JSON.items()),
        ]
    ),
)
def test_a_dense_record_takes_bounded_memory(make, headers):
    value = make()
    decoder = Decoder()
    decoder.decode(b"\0", IS_PROTOBUF)
    STATUS.with_name("clear_refs").write_text("5")
    before = peak()

    decoder.decode_many([value], [headers])

    assert peak() - before < MOST_BYTES


def _json_spans(count):
    spans = ",".join(["{}"] * count)
    return f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}'.encode()


LISTS = {
    "an array": lambda count: f"[{','.join(['{}'] * count)}]".encode(),
    "arrays": lambda count: json.dumps([[7] * (count // 2), [7] * (count - count // 2)]).encode(),
    "lines": lambda count: b"{}\n" * count,
    "spans": _json_spans,
    "a batch": lambda count: json.dumps(
        {"batch": [{"type": "a", "body": {}}, *[7] * (count - 1)]}
    ).encode(),
    "plugins": lambda count: json.dumps(
        {"started_at": 1, "latencies": 1, "ai": {str(n): {"usage": 0} for n in range(count)}}
    ).encode(),
    "payloads": lambda count: json.dumps([{"call_type": "c", "startTime": 1}] * count).encode(),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", LISTS.values(), ids=LISTS)
def test_as_many_items_as_are_allowed_are_read_and_one_more_is_not(make):
    events, rejected, skipped = reasons(make(MAX_ITEMS))
    assert len(events) + len(rejected) + len(skipped) == MAX_ITEMS
    assert "too_large" not in rejected

    events, rejected, skipped = reasons(make(MAX_ITEMS + 1))
    assert (*events, *rejected, *skipped) == ("too_large",)


@pytest.mark.slow
def test_spans_in_protobuf_likewise():
    span = field(2, IDS)
    events, rejected, skipped = reasons(within(span * MAX_ITEMS, 1, 2), IS_PROTOBUF)
    assert (len(events), len(rejected), len(skipped)) == (0, 0, MAX_ITEMS)

    for value in (
        within(span * (MAX_ITEMS + 1), 1, 2),
        # In resources and scopes of their own.
        within(span, 1, 2) * (MAX_ITEMS + 1),
        within(within(span, 2) * (MAX_ITEMS + 1), 1),
    ):
        assert reasons(value, IS_PROTOBUF)[1] == ["too_large"]
        # Without a header that says so it is known by its first byte.
        assert reasons(value)[1] == ["too_large"]


def test_spans_may_hold_as_many_zeros_and_line_breaks_as_they_like():
    text = field(9, field(1, b"k") + field(2, field(1, b"\n\0,{[" * 300_000)))
    usage = field(9, field(1, b"gen_ai.usage.input_tokens") + field(2, b"\x18\x05"))
    model = field(9, field(1, b"gen_ai.request.model") + field(2, field(1, b"m")))

    (event,) = reasons(within(IDS + text + usage + model, 1, 2, 2), IS_PROTOBUF)[0]

    assert (event.model, event.prompt_tokens) == ("m", 5)


# --- the walk


def check(value, most, most_spans=10**9):
    wire.check(value, TracesData.DESCRIPTOR, most, Span.DESCRIPTOR, most_spans)


def test_every_message_counts_once():
    # A resource, a scope, a span, an attribute and its value, an event and its attribute.
    value = within(IDS + within(b"\x18\x05", 9, 2) + within(b"", 11, 3), 1, 2, 2) + b"\x0a\0" * 9

    check(value, 7 + 9)
    for most in (6, 15):
        with pytest.raises(wire.TooManyError, match=f"more than {most} values"):
            check(value, most)
    with pytest.raises(wire.TooManyError, match="more than 0 items"):
        check(value, 100, 0)


@pytest.mark.parametrize("size", range(2, 6))
def test_a_tag_that_is_longer_than_it_needs_to_be_is_one(size):
    tag = bytes([0x8A, *[0x80] * (size - 2), 0])
    assert len(TracesData.FromString(tag + b"\0").resource_spans) == 1

    with pytest.raises(wire.TooManyError):
        check((tag + b"\0") * 20, 19)


@pytest.mark.parametrize(
    "value",
    [
        b"\x0a\x7f" * 9,
        b"\x0a\x80" * 9,
        b"\x0a" + b"\xff" * 20,
        b"\x00\x00" * 9,
        b"\x0e\x00" * 9,
        b"\xff" * 20,
        b"\x09" * 12,
        b"\x0a\x04\x12\x09" * 9,
    ],
)
def test_what_is_cut_off_or_no_protobuf_is_malformed(value):
    with pytest.raises(DecodeError):
        TracesData.FromString(value)
    with pytest.raises(wire.MalformedError):
        check(value, 5)


def _count(message) -> int:
    """Return how many messages and repeated texts a message holds."""
    total = 0
    for each, value in message.ListFields():
        values = value if each.is_repeated else [value]
        if each.message_type is not None:
            total += sum(1 + _count(inner) for inner in values)
        elif each.is_repeated:
            total += len(values)
    return total


FIELD = st.tuples(st.integers(1, 17), st.sampled_from([0, 1, 2, 5]))


def _message(depth):
    scalar = st.tuples(FIELD, st.integers(0, 2**64 - 1), st.binary(max_size=9))
    if not depth:
        return st.lists(scalar, max_size=4).map(lambda each: b"".join(map(_written, each)))
    inner = st.tuples(st.integers(1, 17), _message(depth - 1)).map(lambda each: field(*each))
    return st.lists(inner | scalar.map(_written), max_size=4).map(b"".join)


def _written(scalar):
    (number, kind), value, content = scalar
    if kind == 2:
        return field(number, content)
    written = varint(value) if kind == 0 else value.to_bytes(8, "little")[: 8 if kind == 1 else 4]
    return varint(number << 3 | kind) + written


@given(_message(5), st.binary(max_size=3))
def test_the_walk_finds_all_that_the_decoder_would_build(value, rest):
    """No message that the decoder builds goes uncounted, whatever the bytes are."""
    value += rest
    for root in (TracesData, MetricsData):
        message = root()
        try:
            message.ParseFromString(value)
        except DecodeError:
            continue
        built = _count(message)
        if built > 1 and len(value) > 2 * (built - 1):
            with pytest.raises((wire.TooManyError, wire.MalformedError)):
                wire.check(value, root.DESCRIPTOR, built - 1)


@pytest.mark.slow
def test_counting_takes_no_memory():
    value = within(b"\x12\0" * 400_000, 1, 2)
    tracemalloc.start()
    with pytest.raises(wire.TooManyError):
        # A byte for each would show.
        check(value, 200_000)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert taken < 100_000
