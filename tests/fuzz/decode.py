"""Decodes broken samples of every format, a million of them.

    python tests/fuzz/decode.py [--runs 1000000] [--seed N] [--seconds S]

Whatever comes, a record ends as events, rejections or skips, with reasons of the closed sets, soon,
in bounded memory, and the same by each way to decode it. In a part of them the language of prompts
is read, which never fails. A fault is printed once, with a value that has been made as small as it
goes; the last two lines say how many runs there were and what they totalled. The exit code is 0
where there is no fault.
"""

from __future__ import annotations

import resource
import sys
import time
from random import Random

import arguments
from check import BrokenError, Checker
from mutate import Mutator

#: Values are of some kilobytes; the interpreter with all that it imports takes some 60.
MOST_MEGABYTES = 300


def main():
    chosen = arguments.parser(__doc__, 1_000_000).parse_args()
    began = time.monotonic()
    checker, faults, runs = Checker(), {}, 0
    for value, headers, options in _values(chosen.runs, chosen.seed):
        if time.monotonic() - began > chosen.seconds:
            break
        runs += 1
        try:
            checker.check(value, headers, options)
        except BrokenError as error:
            if str(error) not in faults:
                faults[str(error)] = 0
                print(f"{error}: {_smallest(str(error), value, headers, options)}", flush=True)
            faults[str(error)] += 1
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if megabytes > MOST_MEGABYTES:
        faults[f"it takes more than {MOST_MEGABYTES} MB"] = 1
    seconds = time.monotonic() - began
    outcomes = ", ".join(f"{name} {count}" for name, count in sorted(checker.outcomes.items()))
    print(f"{runs} runs, seed {chosen.seed}, {seconds:.0f} s, {megabytes} MB at most")
    print(f"{outcomes}; faults: {faults or 'none'}")
    return 1 if faults else 0


def _values(runs, seed):
    mutator = Mutator(Random(seed))
    return (mutator.next() for _ in range(runs))


def _smallest(fault, value, headers, options):
    """Return a short value with the same fault: pieces are taken out as long as it stays."""
    size = max(1, len(value) // 2)
    while size:
        at = 0
        while at < len(value):
            shorter = value[:at] + value[at + size :]
            if _fault(shorter, headers, options) == fault:
                value = shorter
            else:
                at += size
        size //= 2
    return f"{value!r}, headers {headers}, options {options}"


def _fault(value, headers, options):
    try:
        Checker().check(value, headers, options)
    except BrokenError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
