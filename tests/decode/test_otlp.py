"""OTLP is read alike by all ways that there are to read it."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import orjson
import pytest
from laws import examples

from streams.decode.decoder import Decoder
from streams.decode.formats import otlp, otlp_json

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from check import same
from mutate import Mutator
from otlp_batches import BATCH, json_batch, protobuf_batch

SAMPLES = sorted((Path(__file__).parents[1] / "formats" / "otlp").glob("*.json"))


def compact(value):
    """Return a document as an exporter writes it, None for what is not one document."""
    try:
        return orjson.dumps(orjson.loads(value))
    except (ValueError, TypeError):
        return None


def test_a_batch_is_read_alike_as_json_and_as_protobuf():
    as_json, as_protobuf = (Decoder().decode(each(1)) for each in (json_batch, protobuf_batch))

    assert len(as_json.events) == BATCH
    assert as_json == as_protobuf


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_read_alike_with_and_without_white_space(path):
    value = compact(path.read_bytes())
    if value is None or not value.startswith(otlp_json.TYPED):
        return

    assert same(Decoder().decode(value)) == same(Decoder().decode(b" " + value))
    assert Decoder().decode(value).nodes == Decoder().decode(b" " + value).nodes


def test_broken_batches_are_read_alike_with_and_without_white_space():
    random, mutator = Random(20_261_129), Mutator(Random(20_261_129))
    values = [compact(path.read_bytes()) for path in SAMPLES]
    typed = [each for each in values if each is not None and each.startswith(otlp_json.TYPED)]
    read = 0
    for _ in range(examples(3_000)):
        value = compact(mutator._mutated(orjson.loads(random.choice(typed))))
        if value is None or not value.startswith(otlp_json.TYPED):
            continue
        read += otlp.read_typed(value) is not None
        assert same(Decoder().decode(value)) == same(Decoder().decode(b" " + value)), value

    assert read > 50
