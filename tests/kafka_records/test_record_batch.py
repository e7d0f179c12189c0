"""Records at a few offsets are read from batches of any compression."""

from __future__ import annotations

import pytest
from test_batch_fetch import GZIP, LZ4, NONE, SNAPPY, ZSTD, batch_of

from streams.kafka import record_batch
from streams.kafka.compression import DecompressionBuffer


@pytest.mark.parametrize("compression", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
def test_records_at_offsets_come_from_several_batches(compression):
    values = [b"%d" % at * 50 for at in range(12)]
    raws = [batch_of(values[at : at + 4], at, compression) for at in (0, 4, 8)]

    found = record_batch.at_offsets(raws, [1, 6, 7, 8, 99])

    assert {at: each.value for at, each in found.items()} == {at: values[at] for at in (1, 6, 7, 8)}


def test_batches_share_one_buffer(monkeypatch):
    buffers = []

    class Counted(DecompressionBuffer):
        def __init__(self, *size):
            super().__init__(*size)
            buffers.append(self)

    monkeypatch.setattr(record_batch, "DecompressionBuffer", Counted)
    raws = [batch_of([b"a"] * 4, at, ZSTD) for at in (0, 4, 8)]

    assert len(record_batch.at_offsets(raws, range(12))) == 12
    assert len(buffers) == 1
