"""Some freed memory is kept for the next events, and all goes back to the system in the end."""

from __future__ import annotations

import ctypes
import subprocess
import sys
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
    memory.keep_freed()


#: Minor page faults of a process that takes and frees four megabytes again and again.
COUNT_FAULTS = """
import resource
from streams.worker import memory
{}
for turn in range(60):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(400_000) for _ in range(10)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_what_is_taken_again_and_again_costs_no_page_faults():
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("the C library is not glibc")
    kept, given_back = map(faults, ("memory.keep_freed()", ""))

    assert kept < 1_000
    assert given_back > 10_000


def faults(how):
    command = [sys.executable, "-c", COUNT_FAULTS.format(how)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
