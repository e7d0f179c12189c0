"""Bodies of the largest size that a bridge takes, each of as many small things as it can hold.

Lazily made: together they are half a gigabyte.
"""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from formats import samples

from streams.decode.formats.registry import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 8 * 1024 * 1024
_ROOM = MOST - 512
_EVENT = '{"model":"m","prompt_tokens":1,"completion_tokens":1}'


def field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field of protobuf."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def within(content: bytes, *numbers: int) -> bytes:
    """Return what fields inside one another hold, outermost number first."""
    for number in reversed(numbers):
        content = field(number, content)
    return content


def _filled(unit: bytes, size: int = _ROOM) -> bytes:
    return unit * (size // len(unit))


#: What makes a span one: its ids.
IDS = field(1, b"t" * 16) + field(2, b"s" * 8)
_USAGE = (
    field(9, field(1, b"gen_ai.request.model") + field(2, field(1, b"m")))
    + field(9, field(1, b"gen_ai.usage.input_tokens") + field(2, b"\x18\x05"))
)  # fmt: skip


def spans(unit: bytes) -> bytes:
    """Return traces of as many such spans as there is room for."""
    return within(_filled(field(2, unit)), 1, 2)


def _in_a_span(unit: bytes, *numbers: int) -> bytes:
    return within(IDS + within(_filled(unit), *numbers), 1, 2, 2)


def _in_a_value(kind: int, unit: bytes) -> bytes:
    value = field(1, b"gen_ai.input.messages") + within(_filled(unit), 2, kind)
    return within(IDS + field(9, value), 1, 2, 2)


#: OTLP in protobuf: traces, and other signals that a bridge is sent by mistake.
PROTOBUF: dict[str, Callable[[], bytes]] = {
    "empty spans": partial(spans, b""),
    "spans of 13 bytes": partial(spans, field(5, b"nine byte")),
    "spans of 30 bytes": partial(spans, IDS),
    "good spans": partial(spans, IDS + _USAGE),
    "resource spans": partial(_filled, b"\x0a\0"),
    "scope spans": lambda: within(_filled(b"\x12\0"), 1),
    "attributes": partial(_in_a_span, b"\x4a\0"),
    "events": partial(_in_a_span, b"\x5a\0"),
    "links": partial(_in_a_span, b"\x6a\0"),
    "attributes of an event": partial(_in_a_span, b"\x1a\0", 11),
    "attributes of a link": partial(_in_a_span, b"\x22\0", 13),
    "attributes of a resource": lambda: within(_filled(b"\x0a\0"), 1, 1),
    "keys of an entity": lambda: within(_filled(b"\x1a\0"), 1, 1, 3),
    "values in an array": partial(_in_a_value, 5, b"\x0a\0"),
    "numbers in an array": partial(_in_a_value, 5, b"\x0a\x02\x18\x05"),
    "keys in a list": partial(_in_a_value, 6, b"\x0a\0"),
    "tags longer than they need to be": lambda: within(_filled(b"\x92\0\0"), 1, 2),
    "points of a metric": lambda: within(field(1, b"n") + within(_filled(b"\x0a\0"), 5), 1, 2, 2),
    "buckets of a point": lambda: within(
        field(1, b"n") + within(_filled(b"\x01"), 10, 1, 8, 2), 1, 2, 2
    ),
    "metrics": lambda: within(_filled(field(2, field(1, b"n") + b"\x2a\0")), 1, 2),
    "logs": lambda: within(_filled(field(2, b"\x59abcdefgh")), 1, 2),
    "values in a log": lambda: within(b"\x59abcdefgh" + within(_filled(b"\x0a\0"), 5, 5), 1, 2, 2),
    "unknown fields": partial(_filled, b"\x78\0"),
    "groups": lambda: within(_filled(b"\xa3\x01\xa4\x01"), 1, 2, 2),
}


def _joined(before: str, unit: str, after: str, most: int) -> bytes:
    count = min(most, (_ROOM - len(before) - len(after)) // (len(unit.encode()) + 1))
    return (before + ",".join([unit] * count) + after).encode()


_SPANS = '{"resourceSpans":[{"scopeSpans":[{"spans":[', "]}]}]}"


def _array(unit: str, most: int = MOST) -> Callable[[], bytes]:
    return partial(_joined, "[", unit, "]", most)


def _lines(unit: bytes, most: int = MOST) -> Callable[[], bytes]:
    return lambda: unit * min(most, _ROOM // len(unit))


def _encoded(make: Callable[[], str]) -> Callable[[], bytes]:
    return lambda: make().encode()


def _escaped(before: str, unit: str, after: str) -> bytes:
    text = ",".join([unit] * 440_000)
    for character in "{}[],":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return (before + text + after).encode()


#: Everything else. What has a number has as many as pass the count of values.
JSON: dict[str, Callable[[], bytes]] = {
    "empty objects": _array("{}"),
    "empty objects that pass": _array("{}", 499_000),
    "empty arrays that pass": _array("[]", 499_000),
    "numbers": _encoded(lambda: f"[{','.join(map(str, range(1_000_000, 1_990_000)))}]"),
    "numbers in arrays": _encoded(
        lambda: "[" + ",".join(["[" + ",".join("7" * 90_000) + "]"] * 11) + "]"
    ),
    "small objects": _array('{"a":1,"b":2}', 332_000),
    "many keys": _encoded(lambda: "{" + ",".join(f'"{n:x}":1' for n in range(700_000)) + "}"),
    "many texts": _encoded(lambda: "[" + ",".join(f'"{n:x}"' for n in range(800_000)) + "]"),
    "wide texts": _array('"\u4e2d\u4e2d"', 900_000),
    "events": _array(_EVENT, 99_000),
    "too many events": _array(_EVENT),
    "arrays of events": _encoded(
        lambda: "[" + ",".join(["[" + ",".join([_EVENT] * 50_000) + "]"] * 3) + "]"
    ),
    "payloads of LiteLLM": _array('{"call_type":0,"startTime":0}'),
    "a long prompt": partial(
        _joined,
        '{"call_type":"c","startTime":1763900000,"model":"m","prompt_tokens":1,'
        '"completion_tokens":1,"messages":[',
        '{"role":"user","content":"a b c"}',
        "]}",
        230_000,
    ),
    "lines of numbers": _lines(b"12345\n", 990_000),
    "lines of objects": _lines(b'{"a":1}\n', 499_000),
    "lines of events": _lines(_EVENT.encode() + b"\n"),
    "lines of 99,000 events": _lines(_EVENT.encode() + b"\n", 99_000),
    "spans of OTLP": partial(_joined, _SPANS[0], "{}", _SPANS[1], 499_000),
    "spans of OTLP with an id": partial(_joined, _SPANS[0], '{"spanId":"a"}', _SPANS[1], 330_000),
    "numbers in the place of spans": partial(_joined, _SPANS[0], "7", _SPANS[1], 990_000),
    "resources of OTLP": partial(_joined, '{"resourceSpans":[', "{}", "]}", 499_000),
    "attributes of OTLP": partial(
        _joined, _SPANS[0] + '{"attributes":[', "{}", "]}" + _SPANS[1], 498_000
    ),
    "events of Langfuse": partial(
        _joined, '{"batch":[{"type":"a","body":{}},', "{}", "]}", 498_000
    ),
    "numbers in a batch of Langfuse": partial(
        _joined, '{"batch":[{"type":"a","body":{}},', "7", "]}", 990_000
    ),
    "plugins of Kong": _encoded(
        lambda: (
            '{"started_at":1,"latencies":1,"ai":{'
            + ",".join(f'"{n:x}":{{"usage":0}}' for n in range(380_000))
            + "}}"
        )
    ),
    "a line that was shipped": partial(
        _escaped,
        '{"message":"{\\"resourceSpans\\":[{\\"scopeSpans\\":[{\\"spans\\":[',
        "{}",
        ']}]}]}"}',
    ),
    "a log of Higress": partial(_escaped, '{"ai_log":"{\\"x\\":[', "[]", ']}"}'),
    "arrays in arrays": _encoded(lambda: "[" + ",".join(["[" * 900 + "]" * 900] * 1_100) + "]"),
    "nesting that never ends": lambda: b'{"a":' * (_ROOM // 5),
    "halves of surrogate pairs": _array('"\\ud800"', 800_000),
    "objects beside half a pair": partial(_joined, '[{"x":"\\ud800"},', '{"a":1}', "]", 480_000),
    "an id that is an array": partial(_joined, _EVENT[:-1] + ',"id":[', "[]", "]}", 490_000),
    "spans in an envelope": lambda: json.dumps(
        {
            "specversion": "1.0",
            "datacontenttype": "application/x-protobuf",
            "data_base64": base64.b64encode(within(b"\x12\0" * 3_000_000, 1, 2)).decode(),
        }
    ).encode(),
    "objects in an envelope": lambda: json.dumps(
        {"specversion": "1.0", "data_base64": base64.b64encode(b"[" + b"{}," * 300_000).decode()}
    ).encode(),
    "one long name": lambda: b'{"model":"' + b"m" * (_ROOM - 99) + "\U0001f600".encode() + b'"}',
}


def _repeated(document: Any, size: int) -> Any:
    """Return a document whose innermost first list or object holds its first item many times."""
    if isinstance(document, dict):
        for key, each in document.items():
            if isinstance(each, dict | list) and each:
                return document | {key: _repeated(each, size)}
        key, each = next(iter(document.items()))
        count = size // (len(json.dumps(each)) + len(key) + 16)
        return document | {f"{key}-{n}": each for n in range(count)}
    if isinstance(document, list):
        for number, each in enumerate(document):
            if isinstance(each, dict) and any(isinstance(held, list) for held in each.values()):
                return [*document[:number], _repeated(each, size), *document[number + 1 :]]
        return document * (size // (len(json.dumps(document)) + 2))
    return document


def _copies(document: str, most_values: int) -> bytes:
    """Return an array of as many documents as pass the counts of items and of values."""
    values = sum(map(document.count, ",:{["))
    return _joined("[", document, "]", min(99_000, most_values // max(1, values)))


def _of_samples() -> dict[str, Callable[[], bytes]]:
    """Return a format's first sample many times over, and with many of what is in it."""
    found: dict[str, Callable[[], bytes]] = {}
    for sample in sorted(samples.load(), key=lambda sample: not sample.events):
        is_new = sample.format in NAMES and f"{sample.format}, copies" not in found
        if not (is_new and sample.is_plain and sample.value[:1] == b"{"):
            continue
        try:
            document = json.loads(sample.value)
        except ValueError:
            continue
        text = json.dumps(document)
        found[f"{sample.format}, copies"] = partial(_copies, text, 900_000)
        found[f"{sample.format}, filled"] = _encoded(
            partial(lambda document: json.dumps(_repeated(document, _ROOM * 3 // 4)), document)
        )
    return found


#: Of each format that has a sample in JSON: a new format is here by itself.
OF_SAMPLES: dict[str, Callable[[], bytes]] = _of_samples()
