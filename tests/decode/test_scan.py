"""What compiled code reads from a batch's bytes is what Python reads from its records."""

from __future__ import annotations

import json
import struct
from collections import Counter
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from laws import examples
from scanned_payloads import PAYLOAD, SOUND, damaged, neat, payloads, sound
from scanned_values import CATALOG, GOOD, LIMIT, agree, both, flat, objects, served_text, values
from test_batch_fetch import GZIP, LZ4, NONE, SNAPPY, ZSTD, batch_of

from streams.classify.classifier import Classifier
from streams.classify.key_tables import TABLE_SIZE
from streams.decode import compiled as compiled_reader
from streams.decode import reader as reading
from streams.decode.options import Options
from streams.decode.reader import Reader
from streams.decode.rows import FORMAT_NAMES

pytestmark = pytest.mark.skipif(
    not compiled_reader.IS_COMPILED, reason="there is no compiled reader here"
)


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(values, min_size=1, max_size=12))
@example([b"{}", b"{", b"", b"{,}", b'{"id":1}', b'{"id"}', b'{"model":"a",}'])
@example([b'{"model":"m","prompt_tokens":00,"completion_tokens":1}'])
@example([b'{"model":"m","prompt_tokens":-0,"completion_tokens":1e2}'])
@example([b'{"model":"m","prompt_tokens":1,"completion_tokens":1,"ts":1.}'])
@example([b'{"model":"m","prompt_tokens":1,"completion_tokens":1}}'])
@example([b'{"model":"m","model":"n","prompt_tokens":1,"completion_tokens":1}'])
def test_any_values_are_read_alike(some):
    agree(some)


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(flat, min_size=1, max_size=8))
def test_what_flat_records_say_besides_their_counts_is_read_alike(some):
    agree(some)


FIELDS = {
    "id": '"r-1"',
    "ts": "1800000000.125",
    "model": '"gpt-4o"',
    "prompt_tokens": "10",
    "completion_tokens": "5",
    "language": '"de"',
    "tenant": '"red"',
    "cached_tokens": "3",
    "reasoning_tokens": "null",
    "cost": "0.25",
    "provider": '"openai"',
    "prompt_token": "1",
    "completion_tokenz": "2",
}
in_any_order = st.lists(
    st.tuples(st.sampled_from([*FIELDS]), st.sampled_from(["", " ", "\n "])),
    min_size=3,
    max_size=12,
    unique_by=lambda pair: pair[0],
) | st.permutations([*FIELDS][:11]).map(lambda names: [(name, "") for name in names])


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(in_any_order, min_size=2, max_size=8), st.booleans())
def test_the_order_of_fields_in_the_record_before_decides_nothing(orders, doubles):
    def value(order):
        members = [f'{blank}"{name}"{blank}:{blank}{FIELDS[name]}' for name, blank in order]
        return f"{{{','.join(members + members[:doubles])}}}".encode()

    agree([value(order) for order in orders])


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(values.filter(bool), min_size=1, max_size=12), st.booleans(), st.integers(1, 5))
def test_values_alone_are_read_as_those_of_records(some, compiled, size):
    def names(classifier, rows):
        keys = classifier.keys
        return [keys.models.names[each] for each in keys.pairs().model[rows.pair]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_reader, "IS_COMPILED", compiled)
        patch.setattr(reading, "PIECE_ROWS", size)
        classifier = Classifier(CATALOG)
        whole = Reader(classifier, Options(LIMIT), with_ids=True).read(
            7, 7 + len(some), [batch_of(some, 7)]
        )
        expected = names(classifier, whole.rows)
        reader = Reader(classifier, Options(LIMIT), with_ids=True)
        pieces, found = [], []
        for piece in reader.values(7, some):
            pieces.append(piece)
            found += names(classifier, piece.rows)

    assert [piece.start for piece in pieces] == [7, *(piece.end for piece in pieces[:-1])]
    assert pieces[-1].end == whole.end
    assert found == expected
    for name in ("offsets", "ts", "prompt", "completion", "format", "id"):
        column = np.concatenate([getattr(piece.rows, name) for piece in pieces])
        np.testing.assert_array_equal(column, getattr(whole.rows, name))
    assert [each for piece in pieces for each in piece.rejected] == whole.rejected
    assert sum((Counter(piece.skipped) for piece in pieces), Counter()) == whole.skipped


@pytest.mark.parametrize("compiled", [True, False])
def test_empty_values_are_left_out(monkeypatch, compiled):
    monkeypatch.setattr(compiled_reader, "IS_COMPILED", compiled)
    good = orjson.dumps(GOOD)
    (read,) = Reader(Classifier(CATALOG), Options()).values(3, [b"", good, b"", b"bad", good, b""])

    assert (read.start, read.end) == (3, 9)
    assert read.rows.offsets.tolist() == [4, 7]
    assert [offset for offset, _ in read.rejected] == [6]
    assert not [*Reader(Classifier(CATALOG), Options()).values(3, [])]


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(payloads | damaged | objects, min_size=1, max_size=8))
@example([b'{"call_type":"a","startTime":1e9,"prompt_tokens":1,"completion_tokens":1,"model":"m"}'])
def test_payloads_of_litellm_are_read_alike(some):
    compiled, python = both([batch_of(some)])
    assert compiled == python


@settings(max_examples=examples(1000), deadline=None)
@given(st.lists(neat | sound, min_size=1, max_size=8))
def test_what_payloads_say_besides_their_counts_is_read_alike(some):
    compiled, python = both([batch_of(some)])
    assert compiled == python


@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "utf-8"])
def test_a_payload_of_litellm_and_an_event_with_more_fields_need_no_python(monkeypatch, ascii_only):
    from streams.decode import decoder

    monkeypatch.setattr(decoder.Decoder, "decode_many", None)
    wide = GOOD | {"trace": {"a": [1, -2.5, None, True, "é\n"]}, "note": "ü", "language": "ru"}
    raw = batch_of([json.dumps(each, ensure_ascii=ascii_only).encode() for each in (PAYLOAD, wide)])
    classifier = Classifier(CATALOG)
    rows = Reader(classifier, Options(LIMIT)).read(0, 2, [raw]).rows

    assert rows.prompt.tolist() == [812, 10]
    more = (rows.cached, rows.reasoning, rows.cost)
    assert [each.tolist() for each in more] == [[640, -1], [-1, -1], [1200, -1]]
    assert (rows.provider >= 0).tolist() == [True, False]
    assert rows.ts[0] == 1763900000.1234567
    assert [FORMAT_NAMES[each] for each in rows.format.tolist()] == [
        "litellm",
        "native",
    ]
    keys = classifier.keys
    names = [keys.models.names[each] for each in keys.pairs().model[rows.pair]]
    assert names == ["qwen3-32b", "gpt-4o"]


#: What the parts, the price and who served are read from, and what they are: some or all unknown.
ZERO = {"response_cost": 0.0}
LITTLE = {"prompt_tokens_details": {"cached_tokens": 3}}
MORE: list[tuple[dict[str, Any], tuple[int, int, int, str | None]]] = [
    ({}, (-1, -1, -1, None)),
    ({"metadata": {"usage_object": LITTLE}}, (3, -1, -1, None)),
    ({"hidden_params": {"usage_object": LITTLE}}, (3, -1, -1, None)),
    ({"response": {"usage": LITTLE | {"reasoning_tokens": 2}}}, (3, 2, -1, None)),
    ({"metadata": {"additional_usage_values": {"cache_read_input_tokens": 4}}}, (4, -1, -1, None)),
    ({"metadata": {"usage_object": LITTLE | {"cached_tokens": 1}}}, (3, -1, -1, None)),
    (ZERO | {"hidden_params": ZERO}, (-1, -1, 0, None)),
    (ZERO | {"hidden_params": {"response_cost": None}}, (-1, -1, -1, None)),
    (ZERO | {"zero_cost_diagnostic": {"reason": "x"}}, (-1, -1, -1, None)),
    (ZERO | {"status": "failure"}, (-1, -1, -1, None)),
    ({"custom_llm_provider": "groq"}, (-1, -1, -1, "groq")),
    ({"api_base": "http://vllm.internal:8000/v1"}, (-1, -1, -1, "@vllm.internal")),
    ({"hidden_params": {"api_base": "https://h"}}, (-1, -1, -1, "@h")),
    ({"cost_breakdown": {"vertex_location": "us-central1"}}, (-1, -1, -1, "@us-central1")),
    ({"model": "bedrock/us-gov-east-1/m"}, (-1, -1, -1, "@us-gov-east-1")),
    (
        {"custom_llm_provider": "openrouter", "response": {"model": "m", "provider": "Novita"}},
        (-1, -1, -1, "Novita"),
    ),
]


def test_what_payloads_usually_say_besides_their_counts_needs_no_python(monkeypatch):
    from streams.decode import decoder

    monkeypatch.setattr(decoder.Decoder, "decode_many", None)
    monkeypatch.setattr(Classifier, "_learn_provider", served_text)
    classifier = Classifier(CATALOG)
    raw = batch_of([json.dumps(SOUND | said).encode() for said, _ in MORE])
    rows = Reader(classifier, Options(LIMIT)).read(0, len(MORE), [raw]).rows
    names = [*classifier.keys.providers.names, None]

    assert [
        (*more, names[provider])
        for *more, provider in zip(
            *(each.tolist() for each in (rows.cached, rows.reasoning, rows.cost, rows.provider)),
            strict=True,
        )
    ] == [said for _, said in MORE]


def test_paths_and_ports_of_endpoints_take_no_room():
    classifier = Classifier(CATALOG)
    reader = Reader(classifier, Options(LIMIT))
    raw = batch_of(
        [
            orjson.dumps(SOUND | {"api_base": f"https://h:{at}/v1/{at}?key={at}"})
            for at in range(1000)
        ]
    )
    rows = reader.read(0, 1000, [raw]).rows

    assert len(set(rows.provider.tolist())) == 1
    assert reader._scanner.providers.texts == [b"\x1fh"]


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(payloads | damaged | objects, min_size=1, max_size=8))
@example([json.dumps(PAYLOAD).encode()])
def test_a_payload_of_litellm_is_an_event_of_our_own_where_that_format_is_pinned(some):
    compiled, python = both([batch_of(some)], format="native")
    assert compiled == python


def test_a_prompt_without_a_declared_language_is_for_the_code_that_detects_it():
    asked: dict[str, Any] = PAYLOAD | {
        "metadata": {},
        "messages": [{"role": "user", "content": "Привет"}],
    }
    classifier = Classifier(CATALOG)

    def detect(messages: Any) -> str:
        return {"Привет": "ru"}[messages[0]["content"]]

    options = Options(LIMIT, detect=detect)
    rows = Reader(classifier, options).read(0, 1, [batch_of([json.dumps(asked).encode()])]).rows

    assert classifier.keys.languages.names[classifier.keys.pairs().language[rows.pair[0]]] == "ru"
    assert len(rows) == 1


@pytest.mark.parametrize("compiled", [True, False])
def test_ids_are_one_number_whichever_code_reads_them(monkeypatch, compiled):
    monkeypatch.setattr(compiled_reader, "IS_COMPILED", compiled)
    values = [
        GOOD | {"id": "a"},
        GOOD | {"id": "a", "tenant": "Zoë"},
        GOOD | {"id": "a", "ts": "2026-11-24T00:00:00Z"},
        PAYLOAD | {"id": "a"},
        GOOD | {"id": "b"},
        GOOD,
        GOOD | {"id": 7},
        GOOD | {"id": "7"},
        GOOD | {"id": ""},
        GOOD | {"id": [1]},
    ]
    reader = Reader(Classifier(CATALOG), Options(LIMIT), with_ids=True)
    raw = batch_of([json.dumps(each).encode() for each in values])
    a, a2, a3, a4, b, none, seven, text_seven, empty, odd = reader.read(
        0, 10, [raw]
    ).rows.id.tolist()

    assert a == a2 == a3 == a4 != 0
    assert b not in {0, a}
    assert seven == text_seven != 0
    assert none == empty == odd == 0


def test_plain_events_need_no_python(monkeypatch):
    from streams.decode.formats import native

    monkeypatch.setattr(native, "decode", None)
    events = [
        GOOD,
        GOOD | {"ts": 1763900000.123, "language": "zh", "tenant": "t", "id": "req-1"},
        GOOD | {"ts": 1763900000123, "language": None, "tenant": None},
        GOOD | {"ts": None},
        GOOD | {"ts": 1763900000.123456},
        GOOD | {"timestamp": 1763900000.5, "level": "info"},
    ]
    raw = batch_of([json.dumps(each).encode() for each in events])
    read = Reader(Classifier(CATALOG), Options(LIMIT)).read(0, 6, [raw])

    assert len(read.rows) == 6
    assert read.rows.ts[1] == 1763900000.123
    assert read.rows.ts[5] == 1763900000.5


@pytest.mark.parametrize("compression", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
def test_every_compression_is_read(compression):
    values = [orjson.dumps(GOOD | {"ts": 1763900000 + at}) for at in range(2000)]
    rows, rejected = agree(values, compression=compression)

    assert len(rows) == 2000
    assert not rejected


def test_what_lies_before_the_offset_that_was_asked_for_is_left_out():
    raws = [batch_of([orjson.dumps(GOOD), b"bad", orjson.dumps(GOOD)] * 2, 10)]
    (rows, rejected, *_), python = both(raws, start=13)

    assert [row[0] for row in rows] == [13, 15]
    assert [offset for offset, _ in rejected] == [14]
    assert (rows, rejected) == python[:2]


def test_rows_stay_in_the_order_of_offsets_whoever_read_them():
    odd = orjson.dumps(GOOD | {"tenant": "Zoë"})
    raws = [batch_of([odd, orjson.dumps(GOOD)], 0), batch_of([orjson.dumps(GOOD), odd], 2)]
    (rows, *_), _ = both(raws)

    assert [row[0] for row in rows] == [0, 1, 2, 3]


def test_the_time_of_the_log_replaces_all_where_the_topic_says_so():
    data = bytearray(batch_of([orjson.dumps(GOOD)] * 2))
    data[22] |= 0b1000
    data[35:43] = struct.pack(">q", 1_763_900_000_500)
    (rows, *_), python = both([bytes(data)])

    assert [row[1] for row in rows] == [1763900000.5] * 2
    assert rows == python[0]


def test_a_time_of_the_log_that_cannot_be_leaves_all_without_one():
    data = bytearray(batch_of([orjson.dumps(GOOD)]))
    data[22] |= 0b1000
    data[27:35] = struct.pack(">q", 1_763_900_000_500)
    data[35:43] = struct.pack(">q", -1)
    (rows, *_), python = both([bytes(data)])

    assert [row[1] for row in rows] == ["none"]
    assert rows == python[0]


def test_a_record_without_a_time_has_none():
    data = bytearray(batch_of([orjson.dumps(GOOD)]))
    data[27:35] = struct.pack(">q", -1_000_000)
    (rows, *_), python = both([bytes(data)])

    assert rows[0][1] == "none"
    assert rows == python[0]


def test_more_names_than_the_tables_hold_are_numbered_again():
    classifier = Classifier(CATALOG)
    reader = Reader(classifier, Options(LIMIT))
    for first in range(0, 2 * TABLE_SIZE, 8192):
        values = [
            orjson.dumps(GOOD | {"tenant": f"t{first + at}", "language": "en"})
            for at in range(8192)
        ]
        read = reader.read(0, 8192, [batch_of(values)])
        names = [classifier.keys.tenants.names[each] for each in read.rows.tenant.tolist()]
        assert names[:3] == [classifier.tenant(f"t{first + at}") for at in range(3)]
        assert names[-1] == classifier.tenant(f"t{first + 8191}")
        assert len(set(names)) == 8192
    assert len(classifier.keys.tenants.names) <= TABLE_SIZE + 8192


@pytest.mark.parametrize("compression", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
def test_what_cannot_be_decompressed_is_corrupt(compression):
    data = bytearray(batch_of([orjson.dumps(GOOD)] * 50, 7, compression=compression))
    data[61:80] = b"x" * 19
    found = Reader(Classifier(CATALOG), Options(LIMIT)).read(7, 57, [bytes(data)])

    assert len(found.rows) == 0
    assert [(each.first, each.last, len(each)) for each in found.corrupt] == [(7, 56, 50)]
