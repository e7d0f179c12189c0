"""Every codec decompresses into one buffer that grows up to a limit."""

from __future__ import annotations

import struct

import cramjam
import pytest
from test_batch_fetch import GZIP, LZ4, SNAPPY, ZSTD
from test_oversized_batch import compressed

from streams.kafka import compression
from streams.kafka.compression import DecompressionBuffer

CODECS = [GZIP, SNAPPY, LZ4, ZSTD]


def decompressed(buffer, codec, data):
    found = buffer.decompress(codec, memoryview(data))
    return None if found is None else bytes(found)


@pytest.mark.parametrize("codec", CODECS)
def test_a_buffer_takes_one_batch_after_another(codec):
    buffer = DecompressionBuffer()

    for data in (b"one" * 1000, b"x", b"two" * 5000):
        assert decompressed(buffer, codec, compressed(codec, data)) == data


@pytest.mark.parametrize("codec", CODECS)
def test_what_does_not_fit_fits_once_the_buffer_has_grown(codec, monkeypatch):
    monkeypatch.setattr(compression, "BUFFER_BYTES", 1024)
    monkeypatch.setattr(compression, "MAX_BUFFER_BYTES", 4096)
    buffer = DecompressionBuffer()
    data, larger = (compressed(codec, bytes(size)) for size in (4000, 5000))

    assert [decompressed(buffer, codec, data) for _ in range(3)] == [None, None, bytes(4000)]
    assert [decompressed(buffer, codec, larger) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("codec", CODECS)
def test_damaged_data_is_none(codec):
    data = compressed(codec, b"some text " * 100)

    assert decompressed(DecompressionBuffer(), codec, b"\xfe" * 50) is None
    assert decompressed(DecompressionBuffer(), codec, data[: len(data) // 2]) is None


def test_blocks_of_the_java_client_and_plain_snappy_are_read():
    header = compression.XERIAL + struct.pack(">ii", 1, 1)
    blocks = [bytes(cramjam.snappy.compress_raw(each)) for each in (b"a" * 500, b"b" * 9)]
    both = b"".join(struct.pack(">i", len(each)) + each for each in blocks)

    for data in (header + both, header + both + header + both):
        expected = b"a" * 500 + b"b" * 9
        found = decompressed(DecompressionBuffer(), SNAPPY, data)
        assert found == expected * data.count(compression.XERIAL)
    assert [*compression.snappy_blocks(memoryview(blocks[0]))] == [blocks[0]]


@pytest.mark.parametrize("rest", [b"\0\0", struct.pack(">i", 9) + b"x", struct.pack(">i", -1)])
def test_a_block_that_is_cut_off_is_an_error(rest):
    data = compression.XERIAL + struct.pack(">ii", 1, 1) + rest

    with pytest.raises(cramjam.DecompressionError):
        list(compression.snappy_blocks(memoryview(data)))
