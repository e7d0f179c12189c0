"""A megabyte that could take long, or much memory, takes little."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import pytest

from streams.decode.decoder import FAILED, Decoder
from streams.decode.event import UsageEvent
from streams.decode.options import Options

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from check import same
from format_documents import decode

DEEP = 100_000
#: Of a megabyte that is decoded twice, on a machine that others use as well.
MOST_SECONDS, MOST_KILOBYTES = 3.0, 100 * 1024
STATUS = Path("/proc/self/status")
EVENT = '{"model": "gpt-4o", "prompt_tokens": 1, "completion_tokens": 2, "x": %s}'


def _field(tag, content):
    size, varint = len(content), bytearray()
    while size > 0x7F:
        varint.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([tag, *varint, size]) + content


def _otlp(spans):
    return _field(0x0A, _field(0x12, spans))


def _wrapped(depth):
    text = EVENT % 1
    for _ in range(depth):
        text = json.dumps({"message": text})
    return text.encode()


def _enveloped(depth):
    text = EVENT % 1
    for _ in range(depth):
        text = f'{{"specversion": "1.0", "id": "1", "data": {text}}}'
    return text.encode()


def _nested_attribute(depth):
    value = '{"arrayValue": {"values": [' * depth + "]}}" * depth
    attributes = f'[{{"key": "gen_ai.input.messages", "value": {value}}}]'
    spans = f'[{{"attributes": {attributes}}}]'
    return f'{{"resourceSpans": [{{"scopeSpans": [{{"spans": {spans}}}]}}]}}'.encode()


def _updates():
    body = {"id": "x"} | {f"k{number}": 0 for number in range(50_000)}
    update = {"type": "generation-update", "body": {"id": "x"}}
    first = {"type": "generation-create", "body": body}
    return json.dumps({"batch": [first, *[update] * 9_000]}).encode()


BOMBS = {
    "arrays in arrays": (b"[" * DEEP, b"[" * DEEP + b"]" * DEEP),
    "objects in objects": (b'{"a":' * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "arrays in a field": tuple(
        (EVENT % ("[" * depth + "]" * depth)).encode() for depth in (900, 1023, 1024, DEEP)
    ),
    "arrays in the text of Higress": (
        json.dumps({"ai_log": "[" * DEEP + "]" * DEEP}).encode(),
        json.dumps({"ai_log": '{"model":' + "[" * DEEP}).encode(),
    ),
    "arrays in the metadata of Cloudflare": (
        json.dumps({"tokens_in": 1, "tokens_out": 2, "metadata": "[" * DEEP}).encode(),
    ),
    "envelopes in envelopes": tuple(map(_enveloped, (5, 6, 200, 900))),
    "wrappings in wrappings": tuple(map(_wrapped, (5, 6, 15))),
    "values of OTLP in values": tuple(map(_nested_attribute, (8, 9, 300))),
    "a number of a million digits": (
        (EVENT % ("9" * 1_000_000)).encode(),
        b'{"model": "m", "completion_tokens": 1, "prompt_tokens": ' + b"9" * 1_000_000 + b"}",
        b'{"call_type": "c", "startTime": ' + b"9" * 1_000_000 + b"}",
    ),
    "lines that are no JSON": (b"x\n" * 500_000, b"{\n" * 500_000),
    "lines of numbers": (b"1\n" * 500_000,),
    "updates of a large generation": (_updates(),),
    "empty spans": (_otlp(b"\x12\x00" * 500_000),),
    "empty attributes": (_otlp(_field(0x12, b"\x4a\x00" * 500_000)),),
    "values of OTLP in values, as protobuf": (b"\x0a\x80" * 500_000,),
    "spaces": (b" " * 1_000_000, b"\n" * 1_000_000, b'{"ai_log": "' + b" " * 1_000_000 + b'"}'),
}


def _peak_kilobytes(*, anew=False):
    """Return the most memory that this process has had; Linux can be told to look anew."""
    if not STATUS.exists():
        return 0
    if anew:
        STATUS.with_name("clear_refs").write_text("5")
    return int(re.search(r"VmHWM:\s+(\d+)", STATUS.read_text())[1])


@pytest.mark.parametrize("values", BOMBS.values(), ids=BOMBS)
def test_a_megabyte_takes_little_time_and_memory(values):
    # Any value is decoded first, so that what is imported late is no part of it.
    decoder = Decoder()
    decoder.decode(b"", [("content-type", b"application/x-protobuf")])
    for value in values:
        before = _peak_kilobytes(anew=True)
        began = time.process_time()
        decoded = decoder.decode(value)
        (together,) = decoder.decode_many([value], [()])
        assert time.process_time() - began < MOST_SECONDS
        assert _peak_kilobytes() - before < MOST_KILOBYTES
        assert decoded.events or decoded.rejected or decoded.skipped
        assert same(together) == same(decoded)
        assert FAILED not in {each.detail for each in decoded.rejected}


def test_many_values_are_refused_in_every_way_to_decode():
    value = (EVENT % ("[" + "0," * 1_000_001 + "0]")).encode()
    assert [each.reason for each in decode(value).rejected] == ["too_large"]
    (together,) = Decoder().decode_many([value], [()])
    assert same(together) == same(decode(value))


def test_an_event_is_one_struct_whichever_way_it_came():
    value = (EVENT % 1).encode()
    (together,) = Decoder().decode_many([value], [()])
    assert isinstance(together, UsageEvent)


def test_a_time_of_too_many_digits_is_the_same_whatever_came_before():
    value = b'{"call_type":"","startTime":-%b,"model":"p","prompt_tokens":1}' % (b"9" * 330)
    payload = b'{"call_type":"","startTime":1763990000,"model":"p","prompt_tokens":1}'
    decoder = Decoder(Options())
    first = decoder.decode(value)
    decoder.decode(payload)

    assert decoder.decode(value) == first
