"""Broken samples of every format are decoded: a short form of `tests/fuzz`, for every change."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

import pytest
from every import every
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import apart, examples

from streams.decode.compiled import IS_COMPILED
from streams.decode.options import Options

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from check import BrokenError, Checker
from exact_reads import run as read_broken_batches
from mutate import RAW, Mutator

MUTATOR = Mutator(Random(0))
SAMPLES = [sample for sample in MUTATOR.samples if sample.is_plain]
CHECKER = Checker()
PLAIN = Options()
#: Of the places at which a sample may end, one in so many is tried; of each sample other ones.
APART = apart(7)


@pytest.mark.slow
def test_very_many_broken_samples_keep_the_rules():
    faults = {}
    count = examples(20_000)
    mutator, checker = Mutator(Random(20_261_124)), Checker()
    for _ in range(count):
        value, headers, options = mutator.next()
        try:
            checker.check(value, headers, options)
        except BrokenError as error:
            faults.setdefault(str(error), value[:500])
    assert faults == {}
    # A mutator that breaks everything at once would show little.
    assert checker.outcomes["event"] > count / 10


def test_the_same_seed_breaks_samples_in_the_same_way():
    one, other = Mutator(Random(7)), Mutator(Random(7))
    assert [one.next() for _ in range(50)] == [other.next() for _ in range(50)]


@pytest.mark.slow
@pytest.mark.skipif(not IS_COMPILED, reason="there is no compiled reader here")
def test_broken_batches_of_every_format_are_read_as_python_reads_them():
    count = examples(1_000)
    totals = read_broken_batches(count, 0, 20_261_129, float("inf"), lambda _: None)

    assert totals["batches"] == count
    assert totals["events"] > 2 * count
    assert totals["corrupt"] > count / 5


@settings(max_examples=examples(300))
@given(st.binary(max_size=200))
def test_any_bytes_keep_the_rules(value):
    CHECKER.check(value, [], PLAIN)
    CHECKER.check(value, [("content-type", b"application/x-protobuf")], PLAIN)


@settings(max_examples=examples(300))
@given(st.sampled_from(SAMPLES), st.data())
def test_a_sample_with_other_bytes_in_it_keeps_the_rules(sample, data):
    at = data.draw(st.integers(0, len(sample.value)))
    size = data.draw(st.integers(0, 20))
    between = data.draw(st.binary(max_size=20) | st.sampled_from(RAW).map(str.encode))
    CHECKER.check(sample.value[:at] + between + sample.value[at + size :], [], PLAIN)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(sorted(MUTATOR.keys)), inner, max_size=6
        )
    ),
    max_leaves=20,
)


@settings(max_examples=examples(300))
@given(json_values)
def test_any_document_of_known_names_keeps_the_rules(document):
    CHECKER.check(json.dumps(document).encode(), [], PLAIN)


@every(list(enumerate(SAMPLES)), name=lambda case: case[1].name)
def test_a_sample_that_is_cut_off_anywhere_keeps_the_rules(first, sample):
    for at in range(first % APART, len(sample.value), APART):
        CHECKER.check(sample.value[:at], [], PLAIN)
