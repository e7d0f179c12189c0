"""A dead letter is read back as it was made, and marks are told from letters."""

from __future__ import annotations

import time

import orjson
import pytest

from streams.decode.dead_letter import Source, shorter
from streams.decode.decoder import Decoder
from streams.decode.event import Rejected
from streams.decode.rows import CorruptRange
from streams.decode.stored_letter import RESENT, Place, mark_of, stored_letter
from streams.kafka.oversized_batch import TRUNCATED
from streams.kafka.record_batch import Record
from streams.worker.dead_letters.verdict import obstacle, verdict

SOURCE = Source("usage", 3)
BAD = Rejected("missing_field", "model is missing")
EVENT = {"model": "gpt-4o", "prompt_tokens": 1, "completion_tokens": 2}
NOW = time.time()


def record(value=b"v", headers=(("trace", b"1"),), timestamp=1_700_000_000_000):
    return Record(7, timestamp, b"k", value, headers)


def stored(letter, time_ms=1):
    return stored_letter(Record(40, time_ms, letter.key, letter.value, letter.headers), 2)


@pytest.mark.parametrize("value", [b"v", b"", None])
@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("trace", b"1"), ("trace", None)),
        (("tokenshare.reason", b"x"), ("tokenshare.offset", b"9"), (RESENT, b"usage/0/1/2")),
    ],
)
def test_the_original_is_what_it_was(value, headers):
    original = record(value, headers)
    found = stored(SOURCE.letter(original, BAD, 2, 1))

    assert found.record == original
    assert (found.partition, found.offset, found.time) == (2, 40, 1)
    assert (found.reason, found.detail) == (BAD.reason, BAD.detail)
    assert (found.topic, found.source_partition, found.first, found.last) == ("usage", 3, 7, 7)
    assert (found.items, found.counted, found.has_contents) == (2, 1, True)
    assert found.place_of(found.record) == Place("usage", 3, 7, 1_700_000_000_000)


def test_a_letter_without_contents_says_so():
    whole = SOURCE.letter(record(), BAD)
    assert stored(whole).has_contents
    assert not any(stored(each).has_contents for each in shorter(whole))
    cut = record(headers=((TRUNCATED, b"99"),))
    assert not stored(SOURCE.letter(cut, Rejected("too_large", ""))).has_contents
    several = stored(SOURCE.letter_of_range([4, 6, 9], BAD))
    assert (several.first, several.last, several.records) == (4, 9, 3)
    assert several.has_gaps
    assert not several.has_contents
    assert not stored(SOURCE.letter_of_range([4, 5], BAD)).has_gaps
    assert not stored(SOURCE.letter_of_range([4], BAD)).has_contents


def test_a_batch_is_a_batch_unless_it_was_cut():
    letter = SOURCE.letter_of_batch(CorruptRange(5, 9, "why", b"bytes"))
    assert stored(letter).is_batch
    assert not any(stored(each).is_batch for each in shorter(letter))


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("tokenshare.reason", b"not_json"),),
        (("tokenshare.reason", None), ("tokenshare.offset", b"x")),
    ],
)
def test_what_is_not_a_letter_is_none(headers):
    assert stored_letter(Record(0, 0, None, b"", headers), 0) is None


def test_a_mark_names_its_place_and_a_letter_is_not_a_mark():
    place = Place("usage", 3, 7, 1)
    marked = (RESENT, str(place).encode())
    assert mark_of(Record(0, 0, None, b"", (marked,))) == place
    letter = SOURCE.letter(record(headers=(marked,)), BAD)
    assert mark_of(Record(0, 0, None, b"", letter.headers)) is None
    for text in (b"", b"usage/3/7", b"usage/3/7/x", b"a/usage/3/7/1"):
        assert mark_of(Record(0, 0, None, b"", ((RESENT, text),))) is None


@pytest.mark.parametrize(
    ("value", "items", "counted", "why"),
    [
        (EVENT, 1, 0, ""),
        ([EVENT, EVENT], 2, None, ""),
        ([EVENT, EVENT], 1, None, "some of its items may have been counted"),
        ([EVENT, EVENT], 1, 0, ""),
        ([EVENT, EVENT], 1, 1, "some of its items were counted"),
        ([EVENT, {"model": 1}], 2, 0, "it is still rejected"),
        (EVENT | {"ts": NOW + 400}, 1, 0, "it is still rejected"),
        (EVENT | {"ts": NOW + 200}, 1, 0, ""),
        (EVENT | {"ts": NOW - 800 * 86400}, 1, 0, "it is still rejected"),
        (EVENT | {"ts": "?"}, 1, 0, "it is still rejected"),
        ([], 1, 0, "it has nothing to count"),
    ],
)
def test_what_may_be_sent_again(value, items, counted, why):
    original = record(orjson.dumps(value), (), int(NOW * 1000))
    letter = stored(SOURCE.letter(original, BAD, items, counted))
    found = verdict(Decoder(), letter.record, NOW)

    assert obstacle(letter, letter.record, found) == why


def test_a_record_without_a_value_is_never_sent():
    letter = stored(SOURCE.letter(record(None), Rejected("tombstone", ""), 1, 0))
    found = verdict(Decoder(), letter.record, NOW)
    assert obstacle(letter, letter.record, found, even_rejected=True) == "it has no value"
