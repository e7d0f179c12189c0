"""What compiled code guesses from the record before, and looks at together, decides nothing."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from scanned_payloads import PAYLOAD, SOUND
from scanned_values import agree

from streams.decode import compiled

pytestmark = pytest.mark.skipif(not compiled.IS_COMPILED, reason="there is no compiled reader here")

#: Places of blanks in JSON as one producer writes it: after the comma and after the colon.
SPACINGS = (("", ""), (" ", " "), ("\n\t ", ""), ("", " " * 50))


def spelt(value, draw, comma, colon, *, doubles=False):
    """Return a value as JSON, with the members of every object in any order, one perhaps twice."""
    if isinstance(value, list):
        return f"[{f',{comma}'.join(spelt(each, draw, comma, colon) for each in value)}]"
    if not isinstance(value, dict):
        return json.dumps(value)
    names = draw(st.permutations([*value]))
    if doubles and names:
        names.append(draw(st.sampled_from(names)))
    members = (f'"{name}":{colon}{spelt(value[name], draw, comma, colon)}' for name in names)
    return f"{{{f',{comma}'.join(members)}}}"


@settings(max_examples=examples(200), deadline=None)
@given(st.data())
def test_the_order_of_names_in_the_payload_before_decides_nothing(data):
    def payload():
        value = data.draw(st.sampled_from([PAYLOAD, SOUND, {**PAYLOAD, **SOUND}]))
        comma, colon = data.draw(st.sampled_from(SPACINGS))
        doubles = data.draw(st.integers(0, 9)) == 0
        return spelt(value, data.draw, comma, colon, doubles=doubles).encode()

    agree([payload() for _ in range(data.draw(st.integers(1, 5)))])


def test_a_name_means_what_it_means_in_its_object():
    inside = {"model": "inner", "metadata": {"model": "x"}, "response": {"model": "y"}, "id": "z"}
    outside = {**SOUND, "other": inside, "response": {"other": inside, "model": "qwen3-32b"}}
    rows, _ = agree([json.dumps(each).encode() for each in (outside, SOUND, outside, outside)])

    assert len(rows) == 4


def test_payloads_with_more_names_than_are_kept_are_read_alike():
    def crowded(number):
        more = {f"header-{number}-{place}": {"value": place} for place in range(60)}
        return json.dumps({**PAYLOAD, "more": more, **SOUND}).encode()

    rows, _ = agree([crowded(number) for number in [*range(50), *range(50)]])

    assert len(rows) == 100


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 70),
            st.none() | st.integers(0, 12),
            st.none() | st.integers(0, 70),
            st.sampled_from("ab"),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_texts_of_any_length_are_told_apart(sizes):
    def value(model, language, tenant, letter):
        texts = {
            "model": letter * model,
            "language": language and "en-x-abcdefgh"[:language],
            "tenant": tenant and letter * tenant,
        }
        return json.dumps({"prompt_tokens": 1, "completion_tokens": 1, **texts}).encode()

    agree([value(*each) for each in sizes * 2])


@settings(max_examples=examples(300), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ts", "prompt_tokens", "completion_tokens", "cost", "more"]),
            st.text(string.digits, min_size=1, max_size=22),
            st.sampled_from(["", ".", "e-", "x", "-"]),
            st.text(string.digits, max_size=22),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_numbers_of_any_length_are_read_alike(some):
    def value(name, whole, point, fraction, is_last):
        counts = {"prompt_tokens": "1", "completion_tokens": "1", "model": '"m"'}
        number = whole + (point + fraction if point else "")
        fields = {**({} if is_last else {name: ""}), **counts, name: number}
        members = (f'"{each}":{fields[each]}' for each in fields)
        return f"{{{','.join(members)}}}".encode()

    agree([value(*each) for each in some])


@pytest.mark.parametrize(
    "escape", [r"\u4f60", r"\ud83d\ude00", r"\n", r"\ud83d", r"\ude00", r"\u12g4", r"\x"]
)
@pytest.mark.parametrize("before", [0, 1, 15, 30, 31, 32, 33])
def test_escapes_at_any_place_are_read_alike(escape, before):
    more = "a" * before + escape * 3 + "b" * before
    value = json.dumps({**SOUND, "messages": "HERE"}).replace("HERE", more)
    agree([value.encode(), value[: len(value) - 2 - before].encode()])
