"""Cuts the log of a broker that does not run, as a power loss or an unclean election leaves it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Base offset of a record batch, and the bytes that follow these two.
_HEAD = struct.Struct(">qi")
#: What is kept beside the records, and written anew where it is missing. A broker takes the log
#: for whole up to the recovery point.
_DERIVED = ("*.index", "*.timeindex", "*.txnindex", "*.snapshot")
_RECOVERY_POINT = "recovery-point-offset-checkpoint"


def cut(data: Path, topic: str, ends: dict[int, int]) -> None:
    """Drop the record batches of a topic from an offset on, for each of some partitions."""
    for number, end in ends.items():
        cut_partition(data / f"{topic}-{number}", end)
    (data / _RECOVERY_POINT).unlink(missing_ok=True)


def cut_partition(directory: Path, end: int) -> None:
    """Drop the record batches of a partition that begin at `end` or later."""
    for pattern in _DERIVED:
        for derived in directory.glob(pattern):
            derived.unlink()
    first, *others = sorted(directory.glob("*.log"))
    for segment in (first, *others):
        if segment in others and int(segment.stem) >= end:
            segment.unlink()
        else:
            with segment.open("r+b") as log:
                log.truncate(_bytes_before(segment.read_bytes(), end))


def _bytes_before(log: bytes, end: int) -> int:
    at = 0
    while at + _HEAD.size <= len(log):
        base, length = _HEAD.unpack_from(log, at)
        if base >= end or length <= 0:
            break
        at += _HEAD.size + length
    return at
