"""A dead letter says where its record is, and a flood of bad records has few letters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decode.dead_letter import Letters, Source, shorter
from streams.decode.event import Rejected
from streams.decode.rows import CorruptRange
from streams.kafka.record_batch import Record

SOURCE = Source("usage", 3)
BAD = Rejected("not_json", "no JSON")


def record_at(offset, **more):
    fields: dict[str, Any] = {"timestamp": 5, "key": b"k", "value": b"v"}
    return Record(offset, **{**fields, "headers": (("trace", b"1"),), **more})


def text_headers(letter):
    return {name: (value or b"").decode() for name, value in letter.headers}


def test_a_letter_is_the_record_with_headers_behind_its_own():
    letter = SOURCE.letter(record_at(7), BAD, 2)

    assert (letter.key, letter.value) == (b"k", b"v")
    assert letter.headers[0] == ("trace", b"1")
    assert text_headers(letter) == {
        "trace": "1",
        "tokenshare.reason": "not_json",
        "tokenshare.detail": "no JSON",
        "tokenshare.topic": "usage",
        "tokenshare.partition": "3",
        "tokenshare.offset": "7",
        "tokenshare.timestamp_ms": "5",
        "tokenshare.rejected_items": "2",
    }


def test_a_record_is_one_letter_however_many_of_its_items_are_bad():
    letters = [*Letters(SOURCE).of([(7, BAD), (7, BAD)], {7: record_at(7)})]

    assert [text_headers(each)["tokenshare.rejected_items"] for each in letters] == ["2"]


def test_a_record_that_is_not_at_hand_has_a_letter_without_its_contents():
    (letter,) = Letters(SOURCE).of([(7, BAD)], {})

    assert (letter.key, letter.value) == (None, b"")
    assert text_headers(letter)["tokenshare.offset"] == "7"


def test_a_corrupt_batch_is_one_letter_with_its_bytes():
    (letter,) = Letters(SOURCE).of([], {}, [CorruptRange(5, 9, "the batch is cut off", b"bytes")])

    assert letter.value == b"bytes"
    found = text_headers(letter)
    assert found["tokenshare.reason"] == "corrupt_batch"
    assert found["tokenshare.offset"] == "5"
    assert found["tokenshare.last_offset"] == "9"
    assert found["tokenshare.rejected_records"] == "5"


@given(st.lists(st.sampled_from(["not_json", "tombstone", "future"]), max_size=30))
def test_beyond_the_limit_a_range_stands_for_the_records_of_a_reason(reasons):
    rejections = [(at, Rejected(reason, "")) for at, reason in enumerate(reasons)]
    letters = Letters(SOURCE, limit=3)
    half = len(rejections) // 2
    made = []
    for some in (rejections[:half], rejections[half:]):
        wanted = letters.wanted(some)
        made += letters.of(some, {at: record_at(at) for at in wanted})

    whole = [each for each in made if each.value == b"v"]
    for reason in set(reasons):
        assert sum(text_headers(each)["tokenshare.reason"] == reason for each in whole) == min(
            3, reasons.count(reason)
        )
    counts = [int(text_headers(each).get("tokenshare.rejected_records", "1")) for each in made]
    assert sum(counts) == len(reasons)
    assert len(made) <= 3 * 3 + 2 * 3


@pytest.mark.parametrize(
    "letter",
    [
        SOURCE.letter(record_at(7), BAD),
        SOURCE.letter(record_at(7, key=None, value=None, headers=()), BAD),
        SOURCE.letter_of_batch(CorruptRange(7, 9, "", b"bytes")),
        SOURCE.letter_of_range([7, 9], BAD),
    ],
)
def test_the_shortest_shape_has_a_key_and_says_where_the_record_is(letter):
    first, last = shorter(letter)

    assert (first.key, first.value) == (letter.key, b"")
    assert (last.key, last.value) == (b"usage/3/7", b"")
    assert not last.own
    assert text_headers(last)["tokenshare.truncated_bytes"] == str(len(letter.value or b""))
