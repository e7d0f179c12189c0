"""No bytes of a record batch make a reader raise, and each of its offsets has one outcome."""

from __future__ import annotations

import gzip
import struct
from itertools import product

import cramjam
import lz4.frame
import orjson
import pytest
from every import every
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from test_batch_fetch import GZIP, LZ4, NONE, SNAPPY, ZSTD, batch_of
from test_oversized_batch import batch, compressed, record_of
from test_reader import CATALOG, GOOD, NOW, reader

from streams.classify.classifier import Classifier
from streams.counting.partition import Partition
from streams.decode import compiled as compiled_reader
from streams.decode import reader as reading
from streams.decode.options import Options
from streams.decode.reader import Reader
from streams.kafka import compression
from streams.kafka.record_batch import varint

PLAIN = orjson.dumps(GOOD)
CODECS = [NONE, GZIP, SNAPPY, LZ4, ZSTD]


def outcomes(raws, end, start=0, **options):
    """Apply batches to a partition; returns its counts by result, and the reading."""
    classifier = Classifier(CATALOG)
    found = Reader(classifier, Options(**options)).read(start, end, raws)
    partition = Partition.restore(0, 1, {})
    partition.position = start
    partition.apply(found, classifier, NOW)
    return partition.totals.records, found


def xerial(*blocks):
    pressed = [bytes(cramjam.snappy.compress_raw(block)) for block in blocks]
    header = compression.XERIAL + struct.pack(">ii", 1, 1)
    return header + b"".join(struct.pack(">i", len(each)) + each for each in pressed)


THREE = b"".join(record_of(at, PLAIN) for at in range(3))
SKIPPABLE = struct.pack("<II", 0x184D2A50, 5) + b"hello"

#: Bodies that other clients read: what is behind the last record is nobody's.
READABLE = {
    "gzip, two bytes behind": (GZIP, gzip.compress(THREE) + b"xy"),
    "gzip, zeros behind": (GZIP, gzip.compress(THREE) + bytes(100)),
    "gzip, two members": (GZIP, gzip.compress(THREE[:50]) + gzip.compress(THREE[50:])),
    "gzip, two members, junk behind": (
        GZIP,
        gzip.compress(THREE[:50]) + gzip.compress(THREE[50:]) + b"junk",
    ),
    "gzip, cut in its checksum": (GZIP, gzip.compress(THREE)[:-3]),
    "snappy, xerial": (SNAPPY, xerial(THREE[:50], THREE[50:])),
    "snappy, xerial, two bytes behind": (SNAPPY, xerial(THREE) + b"xy"),
    "snappy, xerial, a block that is cut off behind": (SNAPPY, xerial(THREE) + b"\0\0\0\x09abc"),
    "snappy, two xerial streams": (SNAPPY, xerial(THREE[:50]) + xerial(THREE[50:])),
    "lz4, bytes behind": (LZ4, lz4.frame.compress(THREE) + b"junk and more junk"),
    "lz4, one byte behind": (LZ4, lz4.frame.compress(THREE) + b"x"),
    "lz4, two frames": (LZ4, lz4.frame.compress(THREE[:50]) + lz4.frame.compress(THREE[50:])),
    "lz4, a skippable frame behind": (LZ4, lz4.frame.compress(THREE) + SKIPPABLE),
    "lz4, checksums": (LZ4, lz4.frame.compress(THREE, content_checksum=True, block_checksum=True)),
    "lz4, linked blocks": (LZ4, lz4.frame.compress(THREE, block_linked=True)),
    "zstd, bytes behind": (ZSTD, bytes(cramjam.zstd.compress(THREE)) + b"junk"),
    "zstd, two frames": (ZSTD, compressed(ZSTD, THREE[:50]) + compressed(ZSTD, THREE[50:])),
    "zstd, a skippable frame before": (ZSTD, SKIPPABLE + compressed(ZSTD, THREE)),
    "zstd, a skippable frame between": (
        ZSTD,
        compressed(ZSTD, THREE[:50]) + SKIPPABLE + compressed(ZSTD, THREE[50:]),
    ),
    "records behind the last one": (NONE, THREE + record_of(3, PLAIN)),
    "bytes behind the last record": (NONE, THREE + b"\xff" * 20),
}


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize("name", READABLE)
def test_what_other_clients_read_is_read(name, is_compiled, monkeypatch):
    monkeypatch.setattr(compiled_reader, "IS_COMPILED", compiled_reader.IS_COMPILED and is_compiled)
    codec, body = READABLE[name]
    records, found = outcomes([batch(codec, body, count=3), batch_of([PLAIN], 3)], 4)

    assert records == {"counted/": 4}
    assert found.rows.offsets.tolist() == [0, 1, 2, 3]


def with_deltas(*deltas):
    return [record_of(delta, PLAIN) for delta in deltas]


def _with_attributes(before):
    """Return a record that begins with these bytes, in the place of attributes, time and offset."""
    body = before + varint(len(PLAIN)) + PLAIN + b"\0"
    return varint(len(body)) + body


#: Batches of three offsets with a damage, and how many of their records are read.
DAMAGED = {
    "the same offset twice": (with_deltas(0, 0, 1), 3, 1),
    "descending offsets": (with_deltas(2, 1, 0), 3, 0),
    "a hole": (with_deltas(0, 2), 3, 1),
    "an offset behind the last one": (with_deltas(0, 1, 7), 3, 2),
    "an offset far behind": (with_deltas(0, 2**31 - 1, 2), 3, 1),
    # Attributes are one byte. Whoever reads them as a number takes the next one with them, and then
    # finds the right offset where the size of a key is.
    "attributes that begin like a number": (
        [*with_deltas(0), _with_attributes(b"\x80\x00\x04\x02\x01"), *with_deltas(2)],
        3,
        1,
    ),
    "an offset before the first one": (with_deltas(-1, 1, 2), 3, 0),
    "an endless number": ([*with_deltas(0), b"\xff" * 30], 3, 1),
    "a negative length": ([*with_deltas(0, 1), varint(-5) * 20], 3, 2),
    "no length": ([*with_deltas(0, 1), b"\x00"], 3, 2),
    "a key beyond its record": (
        [*with_deltas(0), varint(10) + b"\x00\x02\x02" + varint(200) + b"v" * 300, *with_deltas(2)],
        3,
        1,
    ),
    "a value beyond its record": (
        [
            *with_deltas(0),
            varint(10) + b"\x00\x02\x02\x01" + varint(200) + b"v" * 300,
            *with_deltas(2),
        ],
        3,
        1,
    ),
    "fewer records than it says": (with_deltas(0, 1), 3, 2),
}


@pytest.mark.parametrize("is_compiled", [True, False])
@every([*product(DAMAGED, CODECS)])
def test_records_before_a_damage_count_and_the_offsets_behind_are_corrupt(
    name, codec, is_compiled, monkeypatch
):
    monkeypatch.setattr(compiled_reader, "IS_COMPILED", compiled_reader.IS_COMPILED and is_compiled)
    bodies, count, sound = DAMAGED[name]
    raw = batch(codec, compressed(codec, b"".join(bodies)), 10, count)
    records, found = outcomes([raw, batch_of([PLAIN], 13)], 14, 10)

    assert records == {"counted/": sound + 1, "rejected/corrupt_batch": 3 - sound}
    (corrupt,) = found.corrupt
    assert bytes(corrupt.raw) == raw
    assert corrupt.last == 12


@pytest.mark.parametrize(
    "header", [{"codec": 5}, {"codec": 7}, {"count": -1}, {"count": 2**31 - 1}]
)
def test_a_header_that_says_what_cannot_be_is_corrupt_with_all_that_is_not_read(header):
    raw = bytearray(batch(NONE, with_deltas(0, 1, 2)))
    if "codec" in header:
        raw[22] |= header["codec"]
    else:
        raw[57:61] = struct.pack(">i", header["count"])
    records, _ = outcomes([bytes(raw), batch_of([PLAIN], 3)], 4)

    sound = 3 if header.get("count", 0) > 0 else 0
    assert sum(records.values()) == 4
    assert records["counted/"] == sound + 1


def test_a_reader_that_begins_within_a_damaged_batch_rejects_only_what_is_asked_for():
    raw = batch(NONE, [*with_deltas(0, 1), b"\xff" * 9], count=10)

    assert outcomes([raw], 10, 0)[0] == {"counted/": 2, "rejected/corrupt_batch": 8}
    assert outcomes([raw], 10, 2)[0] == {"rejected/corrupt_batch": 8}
    assert outcomes([raw], 10, 7)[0] == {"rejected/corrupt_batch": 3}


def test_holes_that_compaction_has_left_are_no_damage():
    raw = batch(NONE, with_deltas(0, 5, 7), count=3)
    raw = raw[:23] + struct.pack(">i", 9) + raw[27:]

    assert outcomes([raw], 10)[0] == {"counted/": 3}


def test_a_batch_with_a_wrong_checksum_is_corrupt_as_a_whole():
    raws = [batch_of([PLAIN] * 3), batch_of([PLAIN], 3)]
    bad, good = [each for each in reader().readings(0, 4, raws, frozenset([0])) if each]

    assert [(each.first, each.last, each.why) for each in bad.corrupt] == [(0, 2, reading.CHECKSUM)]
    assert good.rows.offsets.tolist() == [3]


@pytest.mark.parametrize("size", [0, 5, 17, 60])
def test_a_batch_that_ends_in_its_header_is_corrupt(size):
    raw = batch_of([PLAIN])[:size]
    found = reader().read(0, 2, [raw, batch_of([PLAIN], 1)])

    assert found.rows.offsets.tolist() == [1]
    assert len(found.corrupt) <= 1


@pytest.mark.parametrize("magic", [0, 1, 3, 127])
def test_batches_of_other_magics_are_read_or_corrupt(magic):
    raw = bytearray(batch_of([PLAIN] * 3, 4))
    raw[16] = magic
    raws = [bytes(raw), batch_of([PLAIN], 7)]
    found = reader().read(4, 8, raws)

    assert found.rows.offsets.tolist() == [7]
    assert len(found.corrupt) == 1


def test_many_tiny_records_are_read_in_small_pieces():
    body = b"".join(record_of(at, b"x") for at in range(20_000))
    raw = batch(ZSTD, compressed(ZSTD, body), count=20_000)
    pieces = [each for each in reader().readings(0, 20_000, [raw]) if each is not None]

    assert sum(len(each.rejected) for each in pieces) == 20_000
    assert max(len(each.rejected) for each in pieces) <= reading.PIECE_BYTES // reading.RECORD_BYTES


def test_a_decoder_that_raises_costs_one_record(monkeypatch, caplog):
    read = reader()
    decode = read._decode

    def broken(others):
        if any(each.value == b"bad" for each in others):
            raise RuntimeError("a fault of ours")
        return decode(others)

    monkeypatch.setattr(read, "_decode", broken)
    found = read.read(0, 5, [batch_of([PLAIN, b"[]", b"bad", b"{}", PLAIN])])

    assert found.rows.offsets.tolist() == [0, 4]
    assert [(at, why.reason) for at, why in found.rejected] == [
        (2, "wrong_type"),
        (3, "missing_field"),
    ]
    assert found.skipped == {"empty_batch": 1}
    # The words of an error may be those of a prompt.
    assert "RuntimeError" in caplog.text
    assert "a fault of ours" not in caplog.text


def mutated(data):
    """Draw a batch with bytes that are cut, added and changed; it keeps its offsets."""
    codec = data.draw(st.sampled_from(CODECS))
    value = st.sampled_from([PLAIN, b"bad", b"[]", None, b""]) | st.binary(max_size=40)
    values = data.draw(st.lists(value, min_size=1, max_size=12))
    deltas = data.draw(
        st.just([*range(len(values))])
        | st.lists(st.integers(-3, 15), min_size=len(values), max_size=len(values))
    )
    keys = st.none() | st.binary(max_size=9)
    header = st.tuples(st.text(max_size=5).filter(str.isascii), st.binary(max_size=5))
    records = [
        record_of(delta, each, data.draw(keys), data.draw(st.lists(header, max_size=2)))
        for delta, each in zip(deltas, values, strict=True)
    ]
    body = bytearray(b"".join(records))
    is_late = data.draw(st.booleans())
    if is_late:
        body = bytearray(compressed(codec, bytes(body)))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(body)))
        some = data.draw(st.binary(max_size=6))
        match data.draw(st.sampled_from(["cut", "add", "change", "tail"])):
            case "cut":
                del body[at : at + len(some)]
            case "add":
                body[at:at] = some
            case "change":
                body[at : at + len(some)] = some
            case "tail":
                body += some
    pressed = bytes(body) if is_late else compressed(codec, bytes(body))
    return batch(codec, pressed, 5, len(values)), len(values)


@settings(deadline=None, max_examples=examples(400))
@given(st.data())
def test_every_offset_has_one_outcome_whatever_the_bytes(data):
    raw, count = mutated(data)
    end = 5 + count
    raws = [batch_of([PLAIN] * 5), raw, batch_of([PLAIN] * 3, end)]
    start = data.draw(st.integers(0, end))
    found = reader().read(start, end + 3, raws)

    outcome = [*found.rows.offsets.tolist(), *(at for at, _ in found.rejected)]
    for each in found.corrupt:
        outcome += range(each.first, each.last + 1)
    # An empty array is skipped, and a reading does not say where.
    missing = {*range(start, end + 3)} - {*outcome}
    assert len(missing) == sum(found.skipped.values())
    assert len({*outcome}) == len(outcome)
    assert {*range(max(start, 0), 5), *range(end, end + 3)} <= {*found.rows.offsets.tolist()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_reader, "IS_COMPILED", False)
        slow = reader().read(start, end + 3, raws)
    assert slow.rows.offsets.tolist() == found.rows.offsets.tolist()
    assert slow.rejected == found.rejected
    assert [(each.first, each.last) for each in slow.corrupt] == [
        (each.first, each.last) for each in found.corrupt
    ]
    pieces = [each for each in reader().readings(start, end + 3, raws) if each is not None]
    for each in pieces:
        wanted = {at for at, _ in each.rejected}
        assert each.records_at(wanted).keys() == wanted
