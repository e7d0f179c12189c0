"""A batch that becomes large is read in parts: each of its records, in little memory."""

from __future__ import annotations

import gzip
import itertools
import struct
import tracemalloc
from typing import Any

import cramjam
import lz4.frame
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_batch_fetch import GZIP, LZ4, NONE, SNAPPY, ZSTD, batch_of
from test_reader import GOOD, ODD, reader

from streams.decode import compiled as compiled_reader
from streams.decode.dead_letter import Source, shorter
from streams.decode.event import Rejected
from streams.kafka import compression, oversized_batch, record_batch
from streams.kafka.oversized_batch import TRUNCATED, parts
from streams.kafka.record_batch import CorruptBatchError, varint

EVERY = [NONE, GZIP, SNAPPY, LZ4, ZSTD]
MOST = 1000


def record_of(delta, value, key=None, headers=()):
    """Return a record's bytes, as Kafka has them."""
    body = b"\0" + varint(delta) + varint(delta)
    for each in (key, value):
        body += varint(-1) if each is None else varint(len(each)) + each
    body += varint(len(headers))
    for name, each in headers:
        body += varint(len(name)) + name.encode() + varint(len(each)) + each
    return varint(len(body)) + body


def compressed(codec, body):
    match codec:
        case 1:
            return gzip.compress(body)
        case 2:
            return bytes(cramjam.snappy.compress_raw(body))
        case 3:
            return lz4.frame.compress(body)
        case 4:
            return bytes(cramjam.zstd.compress(body, 1))
    return body


def batch(codec, records, base=0, count=None):
    """Return a batch of records' bytes, or of what they already are compressed."""
    body = records if isinstance(records, bytes) else compressed(codec, b"".join(records))
    many = len(records) if count is None else count
    return (
        record_batch.HEADER.pack(
            base,
            record_batch.HEADER.size - 12 + len(body),
            -1,
            2,
            0,
            codec,
            many - 1,
            5,
            5,
            -1,
            -1,
            -1,
            many,
        )
        + body
    )


def flat(raws):
    return [each for raw in raws for each in record_batch.read(raw)]


def as_read(records):
    return [
        (each.offset, each.timestamp, each.key, each.value, [*each.headers]) for each in records
    ]


@pytest.fixture
def small(monkeypatch):
    """Have parts of a few bytes, so that a batch of some records is a large one."""
    monkeypatch.setattr(oversized_batch, "CHUNK_BYTES", 16)
    monkeypatch.setattr(oversized_batch, "PART_BYTES", 64)
    monkeypatch.setattr(oversized_batch, "PART_RECORDS", 3)


@pytest.mark.parametrize("codec", EVERY)
@settings(deadline=None)
@given(
    values=st.lists(st.none() | st.binary(max_size=100), min_size=1, max_size=20),
    header=st.binary(max_size=9),
)
def test_parts_hold_each_record_once_as_it_was(codec, values, header):
    whole = batch_of(values, 7, codec, [("name", header)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oversized_batch, "CHUNK_BYTES", 16)
        patch.setattr(oversized_batch, "PART_BYTES", 64)
        patch.setattr(oversized_batch, "PART_RECORDS", 3)
        found = [*parts(whole, MOST)]

    assert as_read(flat(found)) == as_read(record_batch.read(whole))
    assert len(found) >= len(values) / 3


@pytest.mark.parametrize("codec", EVERY)
def test_a_large_batch_reads_as_its_records_would_apart(codec, monkeypatch):
    documents = [GOOD, ODD, b"bad", b"[]", GOOD | {"model": "qwen3-32b"}] * 2000
    values = [each if isinstance(each, bytes) else orjson.dumps(each) for each in documents]
    split = [batch_of(values[at : at + 50], at) for at in range(0, len(values), 50)]
    expected = reader().read(0, len(values), split)
    monkeypatch.setattr(compression, "MAX_BUFFER_BYTES", compression.BUFFER_BYTES // 16)
    monkeypatch.setattr(compression, "BUFFER_BYTES", compression.BUFFER_BYTES // 16)
    large = batch_of(values, 0, codec)

    for asked in (0, 5001):
        pieces = [each for each in reader().readings(asked, 10_000, [large]) if each]
        assert pieces[0].start == asked
        assert pieces[-1].end == 10_000
        assert all(one.end == two.start for one, two in itertools.pairwise(pieces))
        for each in pieces:
            letters = each.records_at([at for at, _ in each.rejected])
            assert {at: letters[at].value for at, _ in each.rejected} == {
                at: values[at] for at, _ in each.rejected
            }
        offsets = [at for each in pieces for at in each.rows.offsets.tolist()]
        assert offsets == [at for at in expected.rows.offsets.tolist() if at >= asked]
        rejected = [each for piece in pieces for each in piece.rejected]
        assert rejected == [each for each in expected.rejected if each[0] >= asked]


def test_without_compiled_code_it_is_the_same(monkeypatch):
    monkeypatch.setattr(compiled_reader, "IS_COMPILED", False)
    monkeypatch.setattr(compression, "MAX_BUFFER_BYTES", 1024)
    monkeypatch.setattr(compression, "BUFFER_BYTES", 1024)
    values = [orjson.dumps(GOOD)] * 500

    for codec in EVERY[1:]:
        found = reader().read(0, 500, [batch_of(values, 0, codec)])
        assert found.rows.offsets.tolist() == [*range(500)]


@pytest.mark.parametrize("codec", [NONE, GZIP, LZ4, ZSTD])
@pytest.mark.parametrize(
    ("key", "value", "header"),
    [
        (b"k", b"v" * 5000, b"h"),
        (b"k" * 5000, b"v" * 10, b"h"),
        (b"k", b"v" * 10, b"h" * 5000),
        (None, b"v" * 5000, b"h" * 5000),
        (b"k" * 5000, None, b"h"),
        (b"k", b"v" * MOST, b"h"),
    ],
    ids=["value", "key", "headers", "value and headers", "key, no value", "none"],
)
@pytest.mark.usefixtures("small")
def test_of_a_record_larger_than_what_is_read_the_beginning_is_kept(codec, key, value, header):
    records = [record_of(0, b"a"), record_of(1, value, key, [("n", header)]), record_of(2, b"b")]
    before, found, after = flat(parts(batch(codec, records, 10), MOST))

    assert [each.offset for each in (before, found, after)] == [10, 11, 12]
    assert (before.value, after.value) == (b"a", b"b")
    assert found.key == (key and key[:MOST])
    assert found.value == (value and value[: MOST + 1])
    is_whole = (found.key, found.value) == (key, value) and len(header) <= MOST
    mark = [] if is_whole else [(TRUNCATED, b"%d" % len(value or b""))]
    assert [*found.headers] == [*([("n", header)] if len(header) <= MOST else []), *mark]


@pytest.mark.usefixtures("small")
def test_a_letter_of_such_a_record_has_its_size_once():
    (found,) = flat(parts(batch(NONE, [record_of(0, b"v" * 5000)]), MOST))
    letter = Source("usage", 0).letter(found, Rejected("too_large", ""))

    assert dict(letter.headers)[TRUNCATED] == b"5000"
    assert letter.value == b""
    for each in shorter(letter):
        assert [value for name, value in each.headers if name == TRUNCATED] == [b"5000"]
        assert dict(each.headers)["tokenshare.offset"] == b"0"


@pytest.mark.parametrize("codec", EVERY)
@pytest.mark.usefixtures("small")
def test_a_batch_that_is_cut_off_gives_what_stands_before(codec):
    records = [record_of(at, b"%d" % at * 50) for at in range(50)]
    whole = batch(codec, records)
    cut = whole[: len(whole) - (10 if codec else 200)]
    found = []
    with pytest.raises(CorruptBatchError):
        found.extend(each for part in parts(cut, MOST) for each in record_batch.read(part))
    assert [each.value for each in found] == [b"%d" % at * 50 for at in range(len(found))]
    # The others put so little into one block.
    assert bool(found) == (codec in {NONE, GZIP})
    for count in (51, 2**31 - 1):
        with pytest.raises(CorruptBatchError, match="the batch is cut off"):
            list(parts(batch(codec, records, count=count), MOST))


@pytest.mark.parametrize(
    "body",
    [
        b"\xff" * 100,
        varint(-5) * 20,
        varint(30) + b"\0\0\0" + varint(2**62),
        varint(10) + b"\0\0\0" + varint(2) + b"kk" + varint(40) + b"v" * 100,
    ],
    ids=["endless number", "negative length", "key beyond the batch", "longer than it says"],
)
@pytest.mark.usefixtures("small")
def test_lengths_that_cannot_be_are_refused(body):
    with pytest.raises(CorruptBatchError):
        list(parts(batch(NONE, body, count=20), MOST))


@pytest.mark.usefixtures("small")
def test_several_frames_are_one_batch():
    records = [record_of(at, b"%d" % at) for at in range(20)]
    for codec in (GZIP, LZ4, ZSTD):
        frames = compressed(codec, b"".join(records[:9])) + compressed(codec, b"".join(records[9:]))
        found = flat(parts(batch(codec, frames, count=20), MOST))
        assert [each.value for each in found] == [b"%d" % at for at in range(20)]


def test_a_block_of_snappy_that_claims_more_than_it_can_be_is_refused():
    claim = b"\xff\xff\xff\xff\x0f" + b"x" * 10
    xerial = compression.XERIAL + b"\0\0\0\1\0\0\0\1" + struct.pack(">i", len(claim)) + claim

    for body in (claim, xerial):
        (corrupt,) = reader().read(0, 5, [batch(SNAPPY, body, count=5)]).corrupt
        assert "claim" in corrupt.why
        assert (corrupt.first, corrupt.last) == (0, 4)


def bomb(codec, size):
    """Return a batch of a few kilobytes with a record of `size` bytes, between two plain ones."""
    zeros = bytes(1 << 20)
    plain = orjson.dumps(GOOD)
    length = size + len(b"\0" + varint(1) * 2 + varint(-1) + varint(size) + varint(0))
    start = record_of(0, plain) + varint(length) + b"\0" + varint(1) * 2 + varint(-1) + varint(size)
    end = varint(0) + record_of(2, plain)
    middle = itertools.repeat(zeros, size // len(zeros))
    press: Any
    match codec:
        case 1:
            press = cramjam.gzip.Compressor(9)
        case 4:
            press = cramjam.zstd.Compressor(3)
        case _:
            press = cramjam.lz4.Compressor(4)
    body = b""
    for each in (start, *middle, end):
        press.compress(each)
        body += bytes(press.flush())
    return batch(codec, body + bytes(press.finish()), count=3)


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_bomb_takes_little_memory_and_nothing_from_its_neighbours(codec):
    size = 256 * 1024 * 1024
    raw = bomb(codec, size)
    assert len(raw) < 3 * 1024 * 1024
    read = reader(max_record_bytes=1_000_000)
    tracemalloc.start()
    try:
        pieces = [each for each in read.readings(0, 3, [raw]) if each is not None]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 40 * 1024 * 1024
    assert [at for each in pieces for at in each.rows.offsets.tolist()] == [0, 2]
    (refused,) = [each for each in pieces if each.rejected]
    assert [(at, why.reason) for at, why in refused.rejected] == [(1, "too_large")]
    (letter,) = refused.records_at([1]).values()
    assert (TRUNCATED, b"%d" % size) in letter.headers


def test_a_large_batch_is_announced_for_whoever_has_other_things_to_do():
    raw = batch_of([orjson.dumps(GOOD | {"note": "x" * 1000})] * 3000, 0, ZSTD)

    assert None in [*reader().readings(0, 3000, [raw])]
