"""Values as gateways write them and as nobody does, and what the two readers make of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import strategies as st
from test_batch_fetch import batch_of

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.decode import compiled as compiled_reader
from streams.decode.event import MAX_TOKENS
from streams.decode.formats import markers
from streams.decode.formats.markers import TIMES
from streams.decode.options import Options
from streams.decode.reader import Reader

CATALOG = Catalog.load()
GOOD = {"model": "gpt-4o", "prompt_tokens": 10, "completion_tokens": 5}
LIMIT = 10_000


def served_text(classifier, served):
    """Number who served by the text itself: two texts may have one key."""
    return classifier.keys.providers[served or ""]


def both(raws, start=0, end=None, **options):
    """Read by compiled code and by Python; returns what each makes of it, names spelt out."""
    end = start + 10**6 if end is None else end
    found = []
    for compiled in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled_reader, "IS_COMPILED", compiled)
            patch.setattr(Classifier, "_learn_provider", served_text)
            classifier = Classifier(CATALOG)
            read = Reader(classifier, Options(LIMIT, **options)).read(start, end, raws)
        rows, tables = read.rows, classifier.keys.pairs()
        found.append(
            (
                [
                    (
                        offset,
                        "none" if np.isnan(ts) else ts,
                        prompt,
                        completion,
                        classifier.keys.models.names[tables.model[pair]],
                        classifier.keys.cells.names[tables.cell[pair]],
                        None if tenant < 0 else classifier.keys.tenants.names[tenant],
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
                    (*more, None if provider < 0 else classifier.keys.providers.names[provider])
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
places = st.sampled_from(
    (
        *("https://api.deepseek.com/beta", "http://vllm.internal:8000/v1", "eu-central-1", "", " "),
        *(
            "https://h?key=1",
            "https://u:p@h/v1",
            "h:1/v1",
            "https://[::1]:8/v1",
            "https://H.example",
        ),
        *(
            "https://h.example /v1",
            "https:///v1",
            "ftp://h/v1",
            "https://h\\v1",
            "https://é.example",
        ),
        *("https://", "https://" + "h" * 127, "https://" + "h" * 130 + "/v1", "h" * 129, "h/" * 90),
    )
)
providers = st.sampled_from(
    (
        *(
            "openai",
            "azure_ai",
            "openrouter",
            "bedrock@eu-central-1",
            "x@h:1/p",
            "",
            " ",
            "openai ",
        ),
        *("https://h/v1", "a:b", "p" * 128, "p" * 129, "Ä", "Together AI"),
    )
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
#: What a flat record says besides its counts, under its own names and under those of others.
besides = {
    **dict.fromkeys(("cached_tokens", "reasoning_tokens"), st.integers(0, 12) | count | anything),
    **dict.fromkeys((*markers.CACHED, *markers.REASONING), st.integers(0, 9) | count),
    **dict.fromkeys(("cost", *markers.COST, *markers.LITELLM_COST), st.none() | price),
    **dict.fromkeys(
        ("provider", *markers.PROVIDER, *markers.LITELLM_PROVIDER), st.none() | providers
    ),
    **dict.fromkeys((*markers.PLACE, *markers.LITELLM_PLACE, *markers.REGION), st.none() | places),
    **dict.fromkeys(markers.CURRENCY, st.sampled_from(["USD", " usd ", "EUR", 1])),
    "more": anything,
}
OWN = ("cached_tokens", "reasoning_tokens", "cost", "provider", "more")
#: Without more than their own names and LiteLLM's, they are for compiled code.
LITELLM = (*markers.LITELLM_COST, *markers.LITELLM_PROVIDER, *markers.LITELLM_PLACE)


def some_fields(fields, names, size):
    """An object with few of many fields."""
    return st.sets(st.sampled_from(sorted(names)), max_size=size).flatmap(
        lambda chosen: st.fixed_dictionaries({name: fields[name] for name in sorted(chosen)})
    )


flat = st.builds(
    lambda own, other, *rest: spelt((GOOD | own | other).items(), *rest),
    some_fields(besides, OWN, 5),
    some_fields(besides, LITELLM, 1) | some_fields(besides, besides, 2),
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
