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
from test_batch_fetch import GZIP, LZ4, NONE, SNAPPY, ZSTD, batch_of

from streams.classify.classifier import TABLE_SIZE, Classifier
from streams.classify.origin.catalog import Catalog
from streams.decode import compiled as compiled_reader
from streams.decode import reader as reading
from streams.decode.event import MAX_TOKENS
from streams.decode.formats.markers import BEFORE_NATIVE, TIMES
from streams.decode.options import Options
from streams.decode.reader import Reader
from streams.decode.rows import FORMAT_NAMES

pytestmark = pytest.mark.skipif(
    not compiled_reader.IS_COMPILED, reason="there is no compiled reader here"
)

CATALOG = Catalog.load()
GOOD = {"model": "gpt-4o", "prompt_tokens": 10, "completion_tokens": 5}
LIMIT = 10_000


def both(raws, start=0, end=None, **options):
    """Read by compiled code and by Python; returns what each makes of it, names spelt out."""
    end = start + 10**6 if end is None else end
    found = []
    for compiled in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled_reader, "IS_COMPILED", compiled)
            classifier = Classifier(CATALOG)
            read = Reader(classifier, Options(LIMIT, **options)).read(start, end, raws)
        rows, tables = read.rows, classifier.tables()
        found.append(
            (
                [
                    (
                        offset,
                        "none" if np.isnan(ts) else ts,
                        prompt,
                        completion,
                        classifier.model_names.names[tables.model[pair]],
                        classifier.cell_names.names[tables.cell[pair]],
                        None if tenant < 0 else classifier.tenant_names.names[tenant],
                    )
                    for offset, ts, prompt, completion, pair, tenant in zip(
                        *(column.tolist() for column in rows.columns()[:6]), strict=True
                    )
                ],
                [(offset, why) for offset, why in read.rejected],
                rows.format.tolist(),
                dict(read.skipped),
                [*read.unread],
                [
                    (*more, None if provider < 0 else classifier.provider_names.names[provider])
                    for *more, provider in zip(
                        *(column.tolist() for column in rows.columns()[-4:]), strict=True
                    )
                ],
            )
        )
    return found


def agree(values, **rest):
    compiled, python = both([batch_of(values, **rest)])
    assert compiled == python
    return compiled[:2]


# Near what is plain on every side: the same few fields, right and wrong, in any order and twice.
text = st.text(max_size=8) | st.sampled_from(["", " ", "gpt-4o", "en", "zh-CN", 'a"b', "a\\b", "ü"])
number = (
    st.integers(-2, 2**64)
    | st.sampled_from([0, MAX_TOKENS, MAX_TOKENS + 1, 2**53, 2**53 + 1])
    | st.floats(allow_nan=False, allow_infinity=False)
)
time = (
    st.floats(9e8, 2e9).map(lambda ts: round(ts, 3))
    | st.floats(9e8, 2e9).map(lambda ts: round(ts, 6))
    | st.floats(9e8, 2e9)
    | st.integers(9 * 10**8, 2 * 10**18)
    | st.sampled_from([10**11, 10**14, 10**17, 10**20, "2026-11-24T00:00:00Z", 946684799, 0.1])
)
anything = st.none() | st.booleans() | number | text | st.just([1]) | st.just({"a": 1})
#: A whole number in every way that it may be written, and in some that are none.
count = (
    st.integers(0, 10**6)
    | st.integers(0, 10**6).map(float)
    | st.integers(-3, 10**6).map(str)
    | st.sampled_from(["812.0", "1.5", "abc", "", "007", -0.0, 0.5, "9" * 30])
)
#: A price in every way that it may be written: on the edge of a rounding, with many digits.
price = (
    st.floats(0, 100)
    | st.floats(0, 1e-6)
    | st.integers(0, 10**7)
    | st.builds(
        lambda number, digits: number / 10**digits, st.integers(0, 10**17), st.integers(0, 20)
    )
    | st.builds(lambda half: (half + 0.5) / 1e9, st.integers(0, 10**7))
    | st.sampled_from([0.1, "0.0015", -0.5, 1e6, 1e300, 3.75e-08, 5e-10, 1.5e-09, 0.0, -0.0, True])
)
likely = {
    "cached_tokens": st.integers(0, 10**6) | count,
    "reasoning_tokens": st.integers(0, 10**6) | count,
    "cost": price,
    "provider": st.none() | text | st.sampled_from(["openai", "bedrock@eu-central-1", "x@h:1/p"]),
    "id": text,
    "ts": time,
    "model": text,
    "prompt_tokens": st.integers(0, 10**6) | count,
    "completion_tokens": st.integers(0, 10**6) | count,
    **dict.fromkeys(
        (*TIMES, "startTime"),
        time | st.sampled_from([None, 1.25, "yesterday", "1795003280", {}]),
    ),
    "model_name": text,
    "input_tokens": count,
    "output_tokens": count,
    "__op": st.sampled_from(["c", "u"]),
    "language": st.none() | text,
    "tenant": st.none() | text,
}
field = st.sampled_from(sorted(likely)).flatmap(
    lambda name: st.tuples(st.just(name), likely[name] | anything)
) | st.tuples(text, anything)


def spelt(fields, ascii_only, blanks):
    gap = [*(("", " ", "\n", "\t\r ", "") * 40)][blanks:]
    parts = [
        f"{gap[at]}{json.dumps(name, ensure_ascii=ascii_only)}{gap[at + 1]}:{gap[at + 2]}"
        f"{json.dumps(value, ensure_ascii=ascii_only)}{gap[at + 3]}"
        for at, (name, value) in enumerate(fields)
    ]
    return f"{gap[5]}{{{','.join(parts)}}}{gap[6]}".encode(errors="replace")


objects = st.builds(
    lambda good, fields, *rest: spelt([*good.items(), *fields], *rest),
    st.fixed_dictionaries(
        {name: likely[name] for name in GOOD},
        optional={name: each for name, each in likely.items() if name not in GOOD},
    )
    | st.just({}),
    st.lists(field, max_size=3),
    st.booleans(),
    st.integers(0, 4),
)
values = (
    objects
    | st.binary(max_size=30)
    | st.none()
    | st.builds(lambda value, at: value[:at], objects, st.integers(0, 150))
    | st.builds(
        lambda value, at, byte: value[: at % len(value)] + byte + value[at % len(value) + 1 :],
        objects,
        st.integers(0, 150),
        st.binary(min_size=1, max_size=1),
    )
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


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(values.filter(bool), min_size=1, max_size=12), st.booleans(), st.integers(1, 5))
def test_values_alone_are_read_as_those_of_records(some, compiled, size):
    def names(classifier, rows):
        return [classifier.model_names.names[each] for each in classifier.tables().model[rows.pair]]

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


def maybe(**fields):
    """An object with some of these fields, and with others."""
    return st.fixed_dictionaries({}, optional={**fields, "more": anything, "wörter": text})


#: Of Bedrock's ARNs the first one names no model.
ARNS = (
    "bedrock/arn:aws:bedrock:us-east-1:1:application-inference-profile/a",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
)
CALLS = ("acompletion", "aembedding", "call_mcp_tool", "aretrieve_batch", "acreate_batch", "", None)
name = st.none() | text | anything | st.sampled_from(ARNS)
payloads = st.builds(
    lambda good, odd, *rest: spelt([*good.items(), *odd], *rest),
    st.fixed_dictionaries(
        {
            "call_type": st.sampled_from(CALLS),
            "startTime": st.floats(1e9, 2e9) | time | anything,
            "prompt_tokens": st.integers(0, 3) | count | anything,
            "completion_tokens": st.integers(0, 3) | count | anything,
            "model": text | anything | st.sampled_from(ARNS),
        },
        optional={
            "id": name,
            "spend": st.sampled_from([0, 0.0, 0.25, None, "0"]),
            "request_id": name,
            "status": st.sampled_from(["success", "failure", None]),
            "cache_hit": st.sampled_from([None, True, False, "True", "False", "None", 1]),
            "total_tokens": st.integers(0, 9) | count | anything,
            "__op": st.sampled_from(["c", "u"]),
            "model_group": name,
            "team_id": name,
            "user": name,
            "response_cost": st.floats(0, 1),
            "messages": st.none() | text | st.lists(maybe(role=text, content=name), max_size=2),
            "metadata": maybe(
                user_api_key_team_id=name,
                user_api_key_user_id=name,
                language=name,
                requester_metadata=maybe(language=name) | name,
                spend_logs_metadata=maybe(language=name) | name,
            )
            | name,
            "hidden_params": maybe(litellm_model_name=name) | name,
            "model_map_information": maybe(model_map_key=name) | name,
            "response": maybe(
                model=name, usage=maybe(input_tokens=st.integers(0, 9), output_tokens=number) | name
            )
            | name,
        },
    ),
    st.lists(
        field
        | st.sampled_from(
            [(key, value) for key in (*BEFORE_NATIVE, "genai_x") for value in (1, [], {}, None)]
        ),
        max_size=1,
    ),
    st.booleans(),
    st.integers(0, 4),
)
damaged = st.builds(
    lambda value, at, bytes_: value[: at % len(value)] + bytes_ + value[at % len(value) + 1 :],
    payloads,
    st.integers(0, 2000),
    st.binary(max_size=2) | st.sampled_from([b"\\", b'"', b"\\ud800", b"\xc3\xa9", b"1e400", b"-"]),
)


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(payloads | damaged | objects, min_size=1, max_size=8))
@example([b'{"call_type":"a","startTime":1e9,"prompt_tokens":1,"completion_tokens":1,"model":"m"}'])
def test_payloads_of_litellm_are_read_alike(some):
    compiled, python = both([batch_of(some)])
    assert compiled == python


PAYLOAD: dict[str, Any] = {
    "id": "chatcmpl-1",
    "call_type": "acompletion",
    "startTime": 1763900000.1234567,
    "prompt_tokens": 812,
    "completion_tokens": 64,
    "model": "prod-1",
    "model_group": "smart",
    "metadata": {"user_api_key_team_id": "red", "requester_metadata": {"language": "zh"}},
    "response": {"model": "qwen3-32b", "choices": [{"message": {"content": "你好 \\ \U0001f600"}}]},
    "response_cost": 1.2e-06,
}


@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "utf-8"])
def test_a_payload_of_litellm_and_an_event_with_more_fields_need_no_python(monkeypatch, ascii_only):
    from streams.decode import decoder

    monkeypatch.setattr(decoder.Decoder, "decode_many", None)
    wide = GOOD | {"trace": {"a": [1, -2.5, None, True, "é\n"]}, "note": "ü", "language": "ru"}
    raw = batch_of([json.dumps(each, ensure_ascii=ascii_only).encode() for each in (PAYLOAD, wide)])
    classifier = Classifier(CATALOG)
    rows = Reader(classifier, Options(LIMIT)).read(0, 2, [raw]).rows

    assert rows.prompt.tolist() == [812, 10]
    assert rows.ts[0] == 1763900000.1234567
    assert [FORMAT_NAMES[each] for each in rows.format.tolist()] == [
        "litellm",
        "native",
    ]
    names = [classifier.model_names.names[each] for each in classifier.tables().model[rows.pair]]
    assert names == ["qwen3-32b", "gpt-4o"]


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

    assert classifier.language_names.names[classifier.tables().language[rows.pair[0]]] == "ru"
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
        names = [classifier.tenant_names.names[each] for each in read.rows.tenant.tolist()]
        assert names[:3] == [classifier.tenant(f"t{first + at}") for at in range(3)]
        assert names[-1] == classifier.tenant(f"t{first + 8191}")
        assert len(set(names)) == 8192
    assert len(classifier.tenant_names.names) <= TABLE_SIZE + 8192


@pytest.mark.parametrize("compression", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
def test_what_cannot_be_decompressed_is_corrupt(compression):
    data = bytearray(batch_of([orjson.dumps(GOOD)] * 50, 7, compression=compression))
    data[61:80] = b"x" * 19
    found = Reader(Classifier(CATALOG), Options(LIMIT)).read(7, 57, [bytes(data)])

    assert len(found.rows) == 0
    assert [(each.first, each.last, len(each)) for each in found.corrupt] == [(7, 56, 50)]
