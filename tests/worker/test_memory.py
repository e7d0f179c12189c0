"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from streams.worker import memory

BLOCK, BLOCKS = 100_000, 1_000


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def test_freed_blocks_below_one_in_use_are_given_back():
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("the C library is not glibc")
    blocks = [bytes([1]) * BLOCK for _ in range(BLOCKS)]
    last = bytes([1]) * BLOCK
    del blocks
    before = resident()

    memory.release()

    assert before - resident() > BLOCK * BLOCKS / 2
    assert len(last) == BLOCK


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_another_c_library_is_left_alone(monkeypatch, error):
    def refuse(_name):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)

    memory.release()
