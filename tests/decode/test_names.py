"""The table of texts stays fast, and ids stay apart, whoever chooses the texts."""

from __future__ import annotations

from itertools import product

import orjson
import pytest
from test_batch_fetch import NONE, batch_of

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.decode import compiled
from streams.decode.options import Options
from streams.decode.reader import Reader

pytestmark = pytest.mark.skipif(not compiled.IS_COMPILED, reason="there is no compiled code here")

#: Two words each. In a hash that multiplies words by an odd number and folds the high half onto the
#: low one, bits 62 and 30 of the second undo a change of bit 62 in the first for half of states.
PAIRS = (b"0123456!0123456!", b"0123456a012s456a")
BLOCKS = 14
#: At half load, linear probing of random hashes takes some 40 steps at most for so many texts.
MAX_PROBES = 200


def colliding():
    """Return texts of one length that differ only in the bits that such a hash cancels."""
    return [b"".join(parts) for parts in product(PAIRS, repeat=BLOCKS)]


def table(models):
    reader = Reader(Classifier(Catalog.load()), Options(10_000))
    values = [
        orjson.dumps({"model": each.decode(), "prompt_tokens": 1, "completion_tokens": 1})
        for each in models
    ]
    reader.read(0, len(values), [batch_of(values, NONE)])
    return reader._scanner.pairs


def test_names_made_to_collide_take_few_steps():
    names = table(colliding())
    assert len(names) == 2**BLOCKS
    assert names.longest_probe() < MAX_PROBES


def test_ids_made_to_collide_are_distinguished():
    ids = colliding()
    assert len({compiled.scan.hash_of(each) for each in ids}) == len(ids)


def test_each_byte_of_a_text_counts_at_each_length():
    texts = [b"\0" * length for length in range(40)]
    texts += [b"\0" * at + b"\1" + b"\0" * (39 - at) for at in range(40)]
    assert len({compiled.scan.hash_of(each) for each in texts}) == len(texts)
