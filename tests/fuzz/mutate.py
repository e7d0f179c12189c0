"""Breaks samples of every format, as senders, networks and attackers do."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from formats import samples
from odd import ENGLISH, ODD, SURROGATES

from streams.decode.options import language_of

#: Stands in a document for what `json.dumps` would not write; a number tells which.
_HOLE = "\x00hole-%d\x00"

#: JSON, or nearly, in the place of a value.
RAW = (
    *("null", "true", "false", "0", "-0", "-1", "1.0", "1.5", "1e3", "-1e-3", "1e308", "1e400"),
    *("1000000000", "1000000001", "9223372036854775807", "9223372036854775808"),
    *("18446744073709551615", "18446744073709551616", "-9223372036854775809"),
    *("1" + "0" * 40, "9" * 400, "-" + "9" * 400, "1" + "0" * 5000),
    *("NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x10"),
    *('""', '" "', '"-"', '"0"', '"12"', '"-12"', '"1e3"', '"True"', '"None"', '"UNSPECIFIED"'),
    *(r'"\ud800"', r'"\udfff\ud800"', r'"\u0000"', '"\\q"', '"\x01"', '"é\U0001f600"', '"٣"'),
    *('"2026-11-18T12:01:20.123456789Z"', '"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59Z"'),
    *('"20261118"', '"1795003280500000000"', '"2026-11-18 12:01:20 UTC"', "1795003280500000000"),
    *("[]", "{}", "[[]]", "[{}]", '[1, "a", null]', '{"a": {"b": [1]}}', '{"values": [{}]}'),
    *('{"model": "m", "prompt_tokens": 1, "completion_tokens": 2}',),
    *(r'"{\"model\": \"m\", \"prompt_tokens\": 1, \"completion_tokens\": 2}"', r'"{\"a\": ["'),
    *('{"intValue": "5"}', '{"stringValue": "x"}', '{"arrayValue": {"values": [{}]}}'),
)
_NESTED = tuple(
    (opening * depth, closing * depth)
    for opening, closing in (("[", "]"), ('{"a":', "}"), ('{"data":', "}"), ('[{"values":', "}]"))
    for depth in (3, 6, 50, 500, 1100)
)
_LONG = (600, 5_000, 70_000)
#: Of the values, in so many the language of prompts is read.
_DETECTING = 0.3
_BYTES = (b"\x00", b"\xff", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\xed\xa0\x80")


def _text(value):
    return json.dumps(value.decode(errors="replace")).encode()


#: What carries a value to a topic: each makes another value of it.
ENVELOPES = (
    lambda value: b"[" + value + b"," + value + b"]",
    lambda value: value + b"\n" + value + b"\n",
    lambda value: value + value,
    lambda value: b"data: " + value + b"\n\ndata: [DONE]\n\n",
    lambda value: b'{"specversion":"1.0","id":"1","source":"/s","data":' + value + b"}",
    lambda value: (
        b'{"specversion":"1.0","id":"1","data_base64":"' + base64.b64encode(value) + b'"}'
    ),
    lambda value: b'{"message":' + _text(value) + b',"@timestamp":"2026-11-18T12:01:20Z"}',
    lambda value: b'{"log_processed":' + value + b',"log":' + _text(value) + b"}",
    lambda value: b'{"records":[' + value + b',{"body":' + _text(value) + b"}]}",
    lambda value: b'{"records":[{"data":"' + base64.b64encode(value) + b'"}]}',
    lambda value: (
        b'{"messageType":"DATA_MESSAGE","logEvents":[{"timestamp":1795003280500,"message":'
        + _text(value)
        + b"}]}"
    ),
    lambda value: b'{"schema":null,"payload":' + value + b"}",
    lambda value: b'{"op":"c","before":null,"after":' + value + b',"source":{"ts_ms":1}}',
    _text,
    lambda value: gzip.compress(value, 1, mtime=0),
    lambda value: b"\xef\xbb\xbf" + value,
    lambda value: value.decode(errors="replace").encode("utf-16"),
    lambda value: b"\0\0\0\0\x07" + value,
)


class Mutator:
    """Makes values out of samples, of some folders or of all; the same seed makes the same ones."""

    def __init__(self, random, folders=None):
        self._random = random
        self.samples = [
            each
            for each in samples.load()
            if each.value is not None and (folders is None or each.folder in folders)
        ]
        self._documents = [_document(each.value) for each in self.samples]
        # What a document of one format may hold of another.
        self.keys = sorted({key for each in self._documents for key in _keys(each)})
        self._leaves = [leaf for each in self._documents for leaf in _leaves(each)]

    def next(self):
        """Return a value with the headers and the options of its sample."""
        random = self._random
        index = random.randrange(len(self.samples))
        sample, document = self.samples[index], self._documents[index]
        value = sample.value
        if document is not None and random.random() < 0.75:
            value = self._mutated(document)
        if document is None or random.random() < 0.3:
            for _ in range(random.choice((1, 1, 2, 4))):
                value = self._broken(value)
        headers = sample.headers if random.random() < 0.9 else self._any().headers
        options = sample.options if random.random() < 0.9 else self._any().options
        if random.random() < _DETECTING:
            options = replace(options, detect=language_of)
        return value, headers, options

    def _any(self):
        return self._random.choice(self.samples)

    # -- bytes

    def _broken(self, value):
        random = self._random
        data = bytearray(value)
        at = random.randrange(len(data) + 1)
        to = min(len(data), at + random.choice((1, 1, 2, 8, 64)))
        match random.randrange(7):
            case 0 if data:
                data[at - 1] ^= 1 << random.randrange(8)
            case 1 if data:
                data[at - 1] = random.randrange(256)
            case 2:
                del data[at:]
            case 3:
                del data[at:to]
            case 4:
                data[at:at] = data[at:to] * random.choice((1, 2, 20))
            case 5:
                data[at:at] = random.choice(_BYTES)
            case _:
                other = self._any().value
                data[at:] = other[random.randrange(len(other) + 1) :]
        return bytes(data)

    # -- documents

    def _mutated(self, document):
        document = json.loads(json.dumps(document))
        holes = []
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 6))):
            document = self._changed(document, holes)
        text = json.dumps(document, ensure_ascii=self._random.random() < 0.5)
        for number, raw in enumerate(holes):
            text = text.replace(json.dumps(_HOLE % number), raw)
        value = text.encode("utf-8", "surrogatepass")
        for _ in range(self._random.choice((0, 0, 0, 0, 0, 0, 1, 1, 2, 5))):
            value = self._random.choice(ENVELOPES)(value)
        return value

    def _hole(self, raw, holes):
        holes.append(raw)
        return _HOLE % (len(holes) - 1)

    def _changed(self, document, holes):
        places = list(_places(document))
        if not places:
            return self._hole(self._random.choice(RAW), holes)
        change = self._random.choice(_CHANGES)
        change(self, *self._random.choice(places), holes)
        return document

    def _replace(self, parent, key, holes):
        parent[key] = self._hole(self._random.choice(RAW), holes)

    def _replace_by_a_leaf(self, parent, key, holes):
        parent[key] = self._random.choice(self._leaves)

    def _nest(self, parent, key, holes):
        opening, closing = self._random.choice(_NESTED)
        parent[key] = self._hole(opening + json.dumps(parent[key]) + closing, holes)

    def _remove(self, parent, key, holes):
        del parent[key]

    def _rename(self, parent, key, holes):
        if isinstance(parent, dict):
            parent[self._random.choice(self.keys)] = parent.pop(key)
        else:
            parent.append(parent[key])

    def _insert(self, parent, key, holes):
        leaf = self._random.choice(self._leaves)
        if isinstance(parent, dict):
            parent[self._random.choice(self.keys)] = leaf
        else:
            parent.insert(0, leaf)

    def _say_a_key_twice(self, parent, key, holes):
        value = parent[key]
        if isinstance(value, dict) and value:
            name, held = self._random.choice(list(value.items()))
            field = f"{json.dumps(name)}:{json.dumps(held)}"
            other = f"{json.dumps(name)}:{self._random.choice(RAW)}"
            parent[key] = self._hole(f'{{{field},{other},"x":1,{field}}}', holes)

    def _make_a_text(self, parent, key, holes):
        parent[key] = json.dumps(parent[key])

    def _lengthen(self, parent, key, holes):
        character = self._random.choice(("x", "é", "\\", '"', "{", " "))
        parent[key] = character * self._random.choice(_LONG)

    def _insert_odd_characters(self, parent, key, holes):
        random, text = self._random, parent[key]
        if not isinstance(text, str):
            return
        if random.random() < 0.3:
            text += ENGLISH
        for _ in range(random.choice((1, 1, 2, 20))):
            at = random.choice((len(text), random.randrange(len(text) + 1)))
            odd = random.choice(ODD if random.random() < 0.9 else SURROGATES)
            text = text[:at] + odd * random.choice((1, 1, 3)) + text[at:]
        parent[key] = text


_CHANGES = (
    *(Mutator._replace, Mutator._replace, Mutator._replace, Mutator._replace_by_a_leaf),
    *(Mutator._nest, Mutator._remove, Mutator._rename, Mutator._insert),
    *(Mutator._say_a_key_twice, Mutator._make_a_text, Mutator._lengthen),
    *(Mutator._insert_odd_characters, Mutator._insert_odd_characters),
)


def _document(value):
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        lines = [json.loads(line) for line in value.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None
    return lines or None


def _places(node):
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in items:
        yield node, key
        yield from _places(value)


def _keys(node):
    return {key for _, key in _places(node) if isinstance(key, str)}


def _leaves(node):
    return [
        parent[key] for parent, key in _places(node) if not isinstance(parent[key], dict | list)
    ]
