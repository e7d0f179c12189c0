"""Builds the compiled code under address and undefined-behaviour sanitizers, and breaks batches.

    python tests/fuzz/sanitize.py [--runs 20000] [--damages 20] [--seed N] [--seconds S]

Record batches of every format and codec are broken and read by the real reader, on buffers of exact
length, and what it reads is compared with the code in Python. The records of each batch are read
again in some damaged forms, by the compiled code alone: nothing is compared then. A fault prints
the sanitizer's report and the batch. The code that adds up rows gets random keys, and is compared
as well. The exit code is 0 where there is no fault. It needs gcc with its sanitizers; without them
it says so, and fails only in CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import arguments

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCANNER = ROOT / "streams" / "decode" / "scan.c"
GROUPER = ROOT / "streams" / "counting" / "group.c"
#: Additions of up to some thousand rows: a few seconds.
ADDITIONS = 500
#: The C++ library as well: whoever throws must find it loaded before the sanitizer.
LIBRARIES = ("libasan.so", "libubsan.so", "libstdc++.so")
#: Stricter than the installed one: without -fwrapv an overflow of signed numbers is a fault.
FLAGS = (
    *("-shared", "-fPIC", "-O1", "-g", "-fno-omit-frame-pointer", "-w"),
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
)
#: Of the bytes with a fault; the seed makes all of them again.
MOST_SHOWN = 4_000
#: Python's own allocator would hide where a buffer ends. What the interpreter leaves at its end
#: is no leak of ours.
ENVIRONMENT = {
    "PYTHONMALLOC": "malloc",
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def main():
    parser = arguments.parser(__doc__, 20_000)
    parser.add_argument("--damages", type=int, default=20, help="more forms of each batch")
    chosen = parser.parse_args()
    libraries = [path for name in LIBRARIES if (path := _library(name))]
    if len(libraries) < len(LIBRARIES):
        print("There is no gcc with sanitizers here: the compiled code is not checked.")
        return 1 if os.environ.get("CI") else 0
    for source in (SCANNER, GROUPER):
        if problem := _stale(source):
            print(problem, file=sys.stderr)
            return 1
    with tempfile.TemporaryDirectory() as scratch:
        return _add_up(chosen, Path(scratch), libraries) or _read(chosen, Path(scratch), libraries)


def _library(name):
    """Return the path of a library of the compiler, None where it has none."""
    if shutil.which("gcc") is None:
        return None
    command = ["gcc", f"-print-file-name={name}"]
    path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    # A name without a folder is one that gcc has not found.
    return path if Path(path).is_absolute() else None


def _stale(source):
    """Return why C code is not that of its source, None where it is."""
    sources = [source.with_suffix(".pyx"), *source.parent.glob("scan_*.pxi")]
    if not source.exists():
        return f"There is no {source.name}, which the build writes: make .venv/.installed-dev"
    if source.stat().st_mtime < max(each.stat().st_mtime for each in sources):
        return f"{source.name} is older than its source: make .venv/.installed-dev"
    return None


def _built(source, scratch):
    module = scratch / source.with_suffix(".so").name
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run(["gcc", *FLAGS, include, source, "-o", module], check=True)
    return module


def _watched(command, libraries):
    """Return the exit code of a Python program whose compiled code is watched."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = ENVIRONMENT | {"LD_PRELOAD": " ".join(libraries), "PYTHONPATH": path}
    command = [sys.executable, *command]
    return subprocess.run(command, env=os.environ | environment, check=False).returncode


def _add_up(chosen, scratch, libraries):
    command = [HERE / "exact_sums.py", _built(GROUPER, scratch)]
    command += [f"--runs={ADDITIONS}", f"--seed={chosen.seed}"]
    return _watched(command, libraries)


def _read(chosen, scratch, libraries):
    began = time.monotonic()
    scanner, last = _built(SCANNER, scratch), scratch / "last"
    built = time.monotonic() - began
    command = [HERE / "exact_reads.py", scanner, last]
    command += [f"--runs={chosen.runs}", f"--damages={chosen.damages}"]
    command += [f"--seed={chosen.seed}", f"--seconds={chosen.seconds}"]
    failed = _watched(command, libraries)
    seconds = time.monotonic() - began
    print(f"seed {chosen.seed}, {seconds:.0f} s, of which {built:.0f} s to build", flush=True)
    if failed and last.exists():
        held = last.read_bytes()
        print(f"A fault (exit code {failed}) in:")
        print(held[8 : 8 + min(MOST_SHOWN, int.from_bytes(held[:8], "big"))].hex())
    return failed


if __name__ == "__main__":
    sys.exit(main())
