"""What a fetch holds is read in pieces that chain, each of some milliseconds."""

from __future__ import annotations

import itertools

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_batch_fetch import batch_of

from streams.classify import classifier as classify
from streams.classify.classifier import Classifier, StaleNumbersError
from streams.classify.origin.catalog import Catalog
from streams.counting.partition import Partition
from streams.decode import compiled as compiled_reader
from streams.decode import reader as reading
from streams.decode.options import Options
from streams.decode.reader import Reader

CATALOG = Catalog.load()
NOW = 1_800_000_000.0
DAY = 86_400
GOOD = {"model": "gpt-4o", "prompt_tokens": 10, "completion_tokens": 5, "ts": NOW - 60}
#: For the code in Python: compiled code leaves texts beyond ASCII to it.
ODD = GOOD | {"tenant": "Zoë"}


def reader(**options):
    return Reader(Classifier(CATALOG), Options(**options), with_ids=True)


def batches(documents, size=3):
    values = [orjson.dumps(each) if isinstance(each, dict) else each for each in documents]
    return [batch_of(values[at : at + size], at) for at in range(0, len(values), size)]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([GOOD, ODD, b"bad", b"[]"]), min_size=1, max_size=30),
    st.integers(1, 5),
    st.integers(0, 3),
)
def test_pieces_chain_and_hold_what_one_reading_holds(documents, size, start):
    raws = batches(documents, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "PIECE_ROWS", 4)
        patch.setattr(reading, "PIECE_BYTES", 100)
        pieces = [each for each in reader().readings(start, 40, raws) if each is not None]
    whole = reader().read(start, 40, raws)

    assert [piece.start for piece in pieces] == [start, *(piece.end for piece in pieces[:-1])]
    assert pieces[-1].end == 40
    for piece in pieces:
        assert all(piece.start <= offset < piece.end for offset in piece.rows.offsets)
        assert all(piece.start <= offset < piece.end for offset, _ in piece.rejected)
    offsets = [offset for piece in pieces for offset in piece.rows.offsets.tolist()]
    assert offsets == whole.rows.offsets.tolist()
    assert [each for piece in pieces for each in piece.rejected] == whole.rejected
    skipped = [piece.skipped.get("empty_batch", 0) for piece in pieces]
    assert sum(skipped) == whole.skipped.get("empty_batch", 0)


def test_long_work_is_announced_for_whoever_has_other_things_to_do():
    names = [GOOD | {"model": f"model-{number}"} for number in range(reading.MANY_NAMES + 1)]
    large = GOOD | {"note": "x" * 3 * reading.PIECE_BYTES, "tenant": "Zoë"}

    if compiled_reader.IS_COMPILED:
        assert None in [*reader().readings(0, len(names), batches(names, 1000))]
    assert None in [*reader().readings(0, 1, batches([large]))]
    assert None not in [*reader().readings(0, 3, batches([GOOD, ODD, GOOD]))]


def counted(cuts, documents, **options):
    """Apply documents to a partition, cut into readings at these offsets; returns its records."""
    read = reader()
    partition = Partition.restore(0, 1, {}, **options)
    for start, end in itertools.pairwise([0, *cuts, len(documents)]):
        raws = batches(documents, 1)[start:end]
        partition.apply(read.read(start, end, raws), read._classifier, NOW)
    return partition.totals.records


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2]])
def test_too_old_is_what_it_is_wherever_the_log_is_cut(cuts):
    documents = [GOOD | {"ts": ts} for ts in (NOW - 3 * 365 * DAY, NOW, NOW - 3 * 365 * DAY)]

    assert counted(cuts, documents) == {"counted/": 2, "rejected/too_old": 1}


@pytest.mark.parametrize("cuts", [[], [1]])
def test_a_copy_with_a_right_time_counts_where_the_first_one_was_rejected(cuts):
    documents = [GOOD | {"id": "a", "ts": NOW + 4000}, GOOD | {"id": "a"}, GOOD | {"id": "a"}]

    assert counted(cuts, documents, dedupe_records=10) == {
        "rejected/future": 1,
        "counted/": 1,
        "skipped/duplicate": 1,
    }


def models_of(read, classifier):
    numbers = classifier.keys.pairs().model[read.rows.pair]
    return [classifier.keys.models.names[number] for number in numbers.tolist()]


@pytest.mark.parametrize("extra", [{}, {"tenant": "Zoë"}], ids=["plain", "in Python"])
def test_two_readers_of_one_classifier_number_by_its_tables_of_the_moment(extra):
    classifier = Classifier(CATALOG)
    one, two = (Reader(classifier, Options()) for _ in range(2))
    first = batches([extra | GOOD, extra | GOOD | {"model": "qwen-max"}])
    second = batches([extra | GOOD | {"model": "qwen-max"}, extra | GOOD])
    one.read(0, 2, first)
    classifier.use(Catalog.load())
    two.read(0, 2, second)
    read = one.read(0, 2, first)

    assert models_of(read, classifier) == ["gpt-4o", "qwen-max"]
    assert read.rows.generation == classifier.generation


def test_rows_of_two_generations_are_not_joined(monkeypatch):
    monkeypatch.setattr(classify, "TABLE_SIZE", 4)
    monkeypatch.setattr(reading, "PIECE_ROWS", 3)
    raws = batches([GOOD | {"model": f"model-{number}"} for number in range(12)])
    read = reader()
    generations = [each.rows.generation for each in read.readings(0, 12, raws) if each is not None]

    assert len(generations) == 4
    assert generations == sorted(generations)
    assert len(set(generations)) == 2
    with pytest.raises(StaleNumbersError, match="cannot be joined"):
        read.read(0, 12, raws)


@pytest.mark.parametrize("other", [GOOD, ODD])
def test_what_was_counted_of_a_rejected_record_is_known(other):
    future, bad = GOOD | {"ts": NOW + DAY}, {"model": 7}
    values = [other, [other, bad, other], bad, [other, future, bad], future, [future, bad]]
    raws = batches([orjson.dumps(each) for each in values])
    classifier = Classifier(CATALOG)
    partition = Partition.restore(0, 1, {})
    found = Reader(classifier, Options()).read(0, len(values), raws)
    rejections = partition.apply(found, classifier, NOW)

    assert sorted({offset for offset, _ in rejections}) == [1, 2, 3, 4, 5]
    assert found.counted_items(rejections) == {1: 2, 3: 1}
