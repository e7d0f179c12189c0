"""What the tests of traffic count in it."""

from __future__ import annotations

import datetime as dt
import json

from hypothesis import strategies as st

from streams.demo.figures import ORIGINS
from streams.demo.truth import Truth

START = dt.datetime(2026, 10, 26, tzinfo=dt.UTC).timestamp()
DAY = 86_400.0
SEEDS = (1, 2)


def counted(events):
    truth = Truth()
    for event in events:
        truth.add(event)
    return truth


def percent(parts):
    total = sum(parts.values())
    return {key: 100 * part / total for key, part in parts.items()}


def said(event):
    return json.loads(event.value)


truths = st.builds(
    Truth,
    st.dictionaries(
        st.tuples(st.sampled_from(ORIGINS), st.sampled_from(["en", "zh-Hans", "und"])),
        st.lists(st.integers(0, 10**12), min_size=3, max_size=3),
    ),
)
