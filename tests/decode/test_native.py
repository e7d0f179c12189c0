"""What each kind of value comes to."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.decode.decoder import Decoder
from streams.decode.event import (
    MAX_TOKENS,
    REASONS,
    SKIP_REASONS,
    Rejected,
    UsageEvent,
    event_time,
)
from streams.decode.formats.native import SCHEMA, encode
from streams.decode.formats.raw_usage import PlacedId, SharedId
from streams.decode.money import nano_dollars
from streams.decode.options import Options
from streams.decode.reader import Reader

GOOD = b'{"model":"gpt-4o","prompt_tokens":10,"completion_tokens":2}'
LIMIT = 100_000


def decode(values, limit):
    """Return an event or None for each value, and the rejections by index."""
    decoded = Decoder(Options(limit)).decode_many(values, [()] * len(values))
    events = [
        each if isinstance(each, UsageEvent) else (each.events or [None])[0] for each in decoded
    ]
    rejected = {
        index: each.rejected[0]
        for index, each in enumerate(decoded)
        if not isinstance(each, UsageEvent) and each.rejected
    }
    return events, rejected


def value(**fields: object) -> bytes:
    event = {"model": "gpt-4o", "prompt_tokens": 10, "completion_tokens": 2} | fields
    return orjson.dumps({name: each for name, each in event.items() if each is not ...})


REJECTED = {
    "tombstone": (None, "tombstone"),
    "no-bytes": (b"", "empty"),
    "white-space": (b" \n\t", "empty"),
    "array-in-arrays": (b"[" * 14 + GOOD + b"]" * 14, "not_an_object"),
    "null": (b"null", "not_an_object"),
    "string": (b'"gpt-4o"', "not_an_object"),
    "number": (b"17", "not_an_object"),
    "truncated": (GOOD[:-5], "not_json"),
    "two-objects": (GOOD + b"," + GOOD, "not_json"),
    "nan": (b'{"model":"a","prompt_tokens":NaN,"completion_tokens":1}', "wrong_type"),
    "infinity": (b'{"model":"a","prompt_tokens":1,"completion_tokens":Infinity}', "bad_count"),
    "nan-in-what-is-cut-off": (b'{"model":"a","cost":NaN,"prompt_tokens":1', "not_json"),
    "nan-in-other-letters": (b'{"model":"a","cost":nan,"prompt_tokens":1}', "not_json"),
    "infinite": (b'{"model":"a","prompt_tokens":1e999,"completion_tokens":1}', "bad_count"),
    "nesting-bomb": (b'{"a":' * 50_000, "too_large"),
    "deep-nesting": (b'{"a":' * 15_000, "not_json"),
    "latin-1": ('{"model":"ü"}'.encode("latin-1"), "not_utf8"),
    "bad-utf-8-in-an-unread-field": (b'{"id":"\xff",' + GOOD[1:], "not_utf8"),
    "no-model": (value(model=...), "missing_field"),
    "no-prompt": (value(prompt_tokens=...), "missing_field"),
    "no-completion": (value(completion_tokens=...), "missing_field"),
    "empty-model": (value(model=""), "no_model"),
    "blank-model": (value(model="  "), "no_model"),
    "model-null": (value(model=None), "wrong_type"),
    "model-number": (value(model=4), "wrong_type"),
    "count-null": (value(prompt_tokens=None), "wrong_type"),
    "count-string": (value(prompt_tokens="ten"), "wrong_type"),
    "count-string-of-a-fraction": (value(prompt_tokens="1.5"), "wrong_type"),
    "count-boolean": (value(prompt_tokens=True), "wrong_type"),
    "count-array": (value(completion_tokens=[1]), "wrong_type"),
    "negative": (value(prompt_tokens=-1), "bad_count"),
    "fraction": (value(completion_tokens=1.5), "bad_count"),
    "absurd": (value(prompt_tokens=MAX_TOKENS + 1), "bad_count"),
    "beyond-64-bits": (
        b'{"model":"a","prompt_tokens":123456789012345678901234567890,"completion_tokens":1}',
        "bad_count",
    ),
    "language-number": (value(language=7), "wrong_type"),
    "tenant-object": (value(tenant={}), "wrong_type"),
    "time-boolean": (value(ts=True), "wrong_type"),
    "time-array": (value(ts=[1]), "wrong_type"),
    "too-large": (value(note="x" * LIMIT), "too_large"),
    "large-garbage": (b"x" * 10_000_000, "too_large"),
}


@pytest.mark.parametrize(("bad", "reason"), REJECTED.values(), ids=REJECTED)
def test_a_bad_value_is_rejected_with_its_reason_and_costs_only_itself(bad, reason):
    events, rejected = decode([GOOD, bad, GOOD], LIMIT)

    assert rejected.keys() == {1}
    assert rejected[1].reason == reason
    assert [event is not None for event in events] == [True, False, True]


@pytest.mark.parametrize("written", [b"NaN", b"Infinity", b"-Infinity"])
def test_a_float_that_is_none_leaves_the_record_its_counts(written):
    fields = (b"cost", b"cached_tokens", b"reasoning_tokens", b"note")
    events, rejected = decode(
        [GOOD[:-1] + b',"%s":%s}' % (field, written) for field in fields]
        + [GOOD[:-1] + b',"metadata":{"scores":[0.5,%s]}}' % written],
        LIMIT,
    )

    assert not rejected
    assert [(event.prompt_tokens, nano_dollars(event.cost)) for event in events] == [(10, None)] * 5


def test_two_broken_values_do_not_swallow_a_good_one_between_them():
    values = [b'{"model":"a","x":[1', GOOD, b"2]}", GOOD + b"," + GOOD]

    events, rejected = decode(values, LIMIT)

    assert [event is not None for event in events] == [False, True, False, False]
    assert len(rejected) == 3


def test_a_good_value_is_read_as_it_stands():
    events, rejected = decode([value(ts=1763900000.5, language="zh_CN", tenant="t", id="x")], LIMIT)

    assert not rejected
    event = events[0]
    assert event is not None
    assert (event.model, event.prompt_tokens, event.completion_tokens) == ("gpt-4o", 10, 2)
    assert (event.ts, event.language, event.tenant) == (1763900000.5, "zh_CN", "t")


def test_text_beyond_ascii_is_text():
    events, rejected = decode([value(model="通义千问", language="中文")], LIMIT)

    assert not rejected
    assert events[0] is not None
    assert events[0].model == "通义千问"


def test_the_detail_never_repeats_what_the_value_says():
    secret = "the prompt of somebody"
    for fields in ({"model": [secret]}, {"tenant": {secret: 1}}, {"prompt_tokens": secret}):
        _, rejected = decode([value(**fields)], LIMIT)
        assert secret not in rejected[0].detail
    _, rejected = decode([b'{"model": "' + secret.encode()], LIMIT)
    assert secret not in rejected[0].detail


@given(st.lists(st.one_of(st.none(), st.binary(max_size=60), st.just(GOOD)), max_size=20))
@example([b"data:", b"[]", GOOD])
def test_every_value_ends_as_an_event_or_rejected_or_skipped(values):
    outcomes = Decoder(Options(LIMIT)).decode_many(values, [()] * len(values))

    assert len(outcomes) == len(values)
    for each in outcomes:
        if not isinstance(each, UsageEvent):
            assert len(each.events) + len(each.rejected) + len(each.skipped) > 0
            assert all(one.reason in REASONS for one in each.rejected)
            assert all(one.reason in SKIP_REASONS for one in each.skipped)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: JSON | st.integers(0, 10) | st.text(max_size=3)
            for name in ("model", "prompt_tokens", "completion_tokens", "ts", "language", "tenant")
        },
    )
)
def test_any_object_is_an_event_or_rejected(document):
    events, rejected = decode([json.dumps(document).encode()], LIMIT)

    assert (events[0] is None) == (0 in rejected)


TIMES = {
    "seconds": (1763900000.25, 1763900000.25),
    "milliseconds": (1763900000250.0, 1763900000.25),
    "microseconds": (1763900000250000.0, 1763900000.25),
    "nanoseconds": (1763900000250000000.0, 1763900000.25),
    "iso-z": ("2025-11-23T12:13:20.25Z", 1763900000.25),
    "iso-offset": ("2025-11-23T14:13:20.250+02:00", 1763900000.25),
    "iso-space": ("2025-11-23 12:13:20.250000+00:00", 1763900000.25),
    "iso-nine-digits": ("2025-11-23T12:13:20.250000000Z", 1763900000.25),
    "iso-without-offset-is-utc": ("2025-11-23T12:13:20.25", 1763900000.25),
    "iso-comma": ("2025-11-23T12:13:20,25Z", 1763900000.25),
    "iso-lower-case": ("2025-11-23t12:13:20.25z", 1763900000.25),
    "micros-as-text": ("1763900000250000", 1763900000.25),
    "seconds-as-text": ("1763900000.25", 1763900000.25),
    "bigquery": ("2025-11-23 12:13:20.25 UTC", 1763900000.25),
    "bigquery-without-fraction": ("2025-11-23 12:13:20 UTC", 1763900000),
    "bigquery-number": ("1.76390000025E9", 1763900000.25),
    "go": ("2025-11-23 13:13:20.25 +0100 CET m=+0.025", 1763900000.25),
    "go-utc": ("2025-11-23 12:13:20.25 +0000 UTC", 1763900000.25),
    "java": ("2025-11-23T13:13:20.25+01:00[Europe/Paris]", 1763900000.25),
    "sql-server": ("2025-11-23 13:13:20.2500000 +01:00", 1763900000.25),
    "slashes": ("2025/11/23 12:13:20", 1763900000),
    "http": ("Sun, 23 Nov 2025 12:13:20 GMT", 1763900000),
    "mail": ("23 Nov 2025 10:13:20 -0200", 1763900000),
    "rfc-850": ("Sunday, 23-Nov-25 12:13:20 GMT", 1763900000),
    "access-log": ("23/Nov/2025:13:13:20 +0100", 1763900000),
    "ctime": ("Sun Nov 23 12:13:20 2025", 1763900000),
    "date": ("Sun Nov 23 12:13:20 UTC 2025", 1763900000),
    "ctime-one-digit": ("Mon Dec  1 12:13:20 2025", 1764591200),
    "zone-without-offset": ("Sun, 23 Nov 2025 12:13:20 CET", None),
    "zone-behind-a-date": ("2025-11-23 12:13:20 CET", None),
    "month-that-is-none": ("23 Foo 2025 12:13:20 GMT", None),
    "no-such-day": ("Sun, 31 Nov 2025 12:13:20 GMT", None),
    "no-such-offset": ("2025-11-23 12:13:20 +9900", None),
    "words-behind": ("2025-11-23 12:13:20 UTC or so", None),
    "long": ("2025-11-23 12:13:20." + "0" * 100 + " UTC", None),
    "other-digits": ("2025/11/23 12:13:2\u0660", None),
    "none-is-the-records": (None, 1700000000.5),
    "zero": (0.0, None),
    "negative": (-5.0, None),
    "uptime-counter": (86400.0, None),
    "beyond": (1e25, None),
    "words": ("yesterday", None),
    "empty": ("", None),
    "year-one": ("0001-01-01T00:00:00", None),
}


@pytest.mark.parametrize(("ts", "expected"), TIMES.values(), ids=TIMES)
def test_a_time_is_read_by_its_size_or_its_spelling(ts, expected):
    assert event_time(ts, 1700000000.5) == (expected and pytest.approx(expected, abs=1e-6))


def test_without_any_time_there_is_none():
    assert event_time(None, None) is None


def test_the_schema_names_what_is_required():
    assert SCHEMA["required"] == ["model", "prompt_tokens", "completion_tokens"]
    assert SCHEMA["properties"]["prompt_tokens"]["maximum"] == MAX_TOKENS


def test_a_rejection_is_a_value():
    assert Rejected("empty", "x") == Rejected("empty", "x")


@pytest.mark.parametrize("name", [SharedId("batch-1"), PlacedId.at("batch-1", "a/b/line")])
def test_an_id_that_says_more_is_written_as_a_text(name):
    event = UsageEvent("gpt-4o", 1, 2, id=name)

    assert json.loads(encode(event))["id"] == "batch-1"


def test_parts_of_tokens_are_read_as_their_counts_are():
    # A text of digits is a number, for a part as for the whole; more than the whole is not known.
    said = {"cached_tokens": "7", "reasoning_tokens": 3.0}
    written = [
        {"model": "m", "prompt_tokens": "10", "completion_tokens": 5, **said},
        {"model": "m", "prompt_tokens": 10, "completion_tokens": 5, **said},
        {"model": "m", "prompt_tokens": 6, "completion_tokens": 2, **said},
    ]
    values = [json.dumps(each).encode() for each in written]
    (read,) = Reader(Classifier(Catalog.load()), Options()).values(0, values)

    assert read.rows.cached.tolist() == [7, 7, -1]
    assert read.rows.reasoning.tolist() == [3, 3, -1]
