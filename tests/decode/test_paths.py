"""A mapping of fields: paths, sums, alternatives, and what is wrong with them."""

from __future__ import annotations

import pytest

from streams.decode.decoder import Decoder
from streams.decode.event import MAX_ROW_TOKENS, MAX_TOKENS, AggregateEvent
from streams.decode.formats import custom
from streams.decode.formats.paths import alternatives, at_path, value_of
from streams.decode.options import Options
from streams.settings import Settings

DOCUMENT = {
    "usage": {"input": 10, "cache.read": "5", "a+b": 1, "c|d": 2, "e,f": 3, "none": None},
    "usage.input": 7,
    "gen_ai.usage": {"input_tokens": 4},
    "list": [{"x": 1}, {"x": [8, 9]}],
    "tags[in]": {"a.b": {"c": 6}},
    "it's": {'say "x"': 2},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("usage.input", 7),
        ("usage.cache.read", "5"),
        ("gen_ai.usage.input_tokens", 4),
        ("['gen_ai.usage'].input_tokens", 4),
        ('["usage"]["input"]', 10),
        ("list.1.x.0", 8),
        ("list[1].x[1]", 9),
        ("list[2].x", None),
        ("list[-1].x", None),
        ("list.x", None),
        ("tags[in].a.b.c", 6),
        ("tags[in]['a.b'].c", 6),
        ('["it\'s"][\'say "x"\']', 2),
        ("usage.none.deeper", None),
        ("usage[", None),
        ("nothing", None),
    ],
)
def test_a_path_leads_to_a_value(path, value):
    assert at_path(DOCUMENT, path) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("['usage'].input+usage.cache.read", 15),
        ("['usage'].input + usage.cache.read + nothing", 15),
        ("nothing|usage.input", 7),
        ("nothing+usage.none|usage.cache.read", "5"),
        ("usage['a+b']+usage['c|d']+usage['e,f']", 6),
        ("nothing|nowhere", None),
        ("list+usage.input", DOCUMENT["list"]),
    ],
)
def test_sums_and_alternatives(text, value):
    assert value_of(DOCUMENT, alternatives(text), MAX_TOKENS) == value


@pytest.mark.parametrize("text", ["", ".", "a+", "+a", "a||b", "a|", "a++b", "a+.+b"])
def test_a_path_that_is_none_is_refused(text):
    fault = custom.problem({"model": "m", "prompt_tokens": text})
    assert fault is not None
    assert "prompt_tokens" in fault


def test_only_counts_are_added_up():
    assert custom.problem({"model": "a|b", "prompt_tokens": "a+b", "requests": "a+b"}) is None
    assert custom.problem({"model": "a+b", "prompt_tokens": "a"}) == "model cannot be a sum"


def test_a_key_in_quotes_may_hold_a_comma():
    text = "model=a|b,prompt_tokens=usage['x,y']+z,completion_tokens=c"
    assert dict(Settings(fields=text).fields) == {
        "model": "a|b",
        "prompt_tokens": "usage['x,y']+z",
        "completion_tokens": "c",
    }


@pytest.mark.parametrize(
    ("prompt", "requests", "outcome"),
    [
        (10**12, 10**6, 10**6),
        ("1000000000000", "1000000", 10**6),
        (12.0, 1, None),
        (12, None, None),
        (MAX_ROW_TOKENS + 1, 10**9, "bad_count"),
        (2 * MAX_TOKENS + 1, 2, "bad_count"),
        (12, 0, "bad_count"),
        (12, 1.5, "bad_count"),
        (12, 10**10, "bad_count"),
        (12, True, "wrong_type"),
        (12, "many", "wrong_type"),
    ],
)
def test_a_row_says_how_many_requests_it_is(prompt, requests, outcome):
    paths = {"model": "m", "prompt_tokens": "p", "completion_tokens": "c", "requests": "n"}
    decoded = Decoder(Options(paths=paths))._any({"m": "a", "p": prompt, "c": 1, "n": requests}, 0)
    [item] = [each.item for each in decoded]
    if isinstance(outcome, str):
        assert item.reason == outcome
    else:
        assert item.prompt_tokens == int(prompt)
        assert (item.requests if isinstance(item, AggregateEvent) else None) == outcome
