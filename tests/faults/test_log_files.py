"""A log is cut between two record batches, and what is derived from it goes."""

from __future__ import annotations

import struct

import pytest
from log_files import cut, cut_partition


def batch(base, size=20):
    return struct.pack(">qi", base, size) + bytes(size)


@pytest.fixture
def partition(tmp_path):
    directory = tmp_path / "usage-3"
    directory.mkdir()
    (directory / f"{0:020}.log").write_bytes(batch(0) + batch(10, 300) + batch(25))
    (directory / f"{40:020}.log").write_bytes(batch(40) + batch(55))
    for name in (f"{0:020}.index", f"{40:020}.timeindex", f"{40:020}.snapshot"):
        (directory / name).touch()
    return directory


def left(directory):
    return {int(path.stem): path.read_bytes() for path in directory.glob("*.log")}


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (60, {0: batch(0) + batch(10, 300) + batch(25), 40: batch(40) + batch(55)}),
        (55, {0: batch(0) + batch(10, 300) + batch(25), 40: batch(40)}),
        (40, {0: batch(0) + batch(10, 300) + batch(25)}),
        (11, {0: batch(0) + batch(10, 300)}),
        (10, {0: batch(0)}),
        (0, {0: b""}),
    ],
)
def test_only_batches_that_begin_before_the_end_are_left(partition, end, expected):
    cut_partition(partition, end)
    assert left(partition) == expected


def test_what_is_derived_from_the_log_is_gone(partition):
    checkpoint = partition.parent / "recovery-point-offset-checkpoint"
    checkpoint.touch()
    cut(partition.parent, "usage", {3: 40})
    assert [path.suffix for path in partition.iterdir()] == [".log"]
    assert not checkpoint.exists()
