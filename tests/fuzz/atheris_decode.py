"""The same fuzzing, led by coverage: atheris looks for bytes that reach new lines of the decoder.

    python tests/fuzz/atheris_decode.py [-runs=100000] [-max_total_time=60] [FOLDER]

All of libFuzzer's options count. FOLDER keeps what was found from one time to the next; the samples
are in it from the start. It ends with a traceback and a file `crash-…` at the first fault.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["streams.decode.formats", "streams.classify.language"]):
    from streams.decode.options import Options, language_of

from check import Checker
from mutate import Mutator

CHECKER = Checker()
MUTATOR = Mutator(Random(0))
#: The first byte says with which options and headers the others are decoded: from `DETECTING` on
#: as before it, and the language of prompts is read.
PLAIN = 0
DETECTING = 128
WAYS = [sample for sample in MUTATOR.samples if not sample.is_plain][: DETECTING - 1]


def one(data):
    way, value = data[:1], data[1:]
    detects, number = divmod(way[0] if way else PLAIN, DETECTING)
    is_way = 0 < number <= len(WAYS)
    headers, options = (
        (WAYS[number - 1].headers, WAYS[number - 1].options) if is_way else ([], Options())
    )
    if detects:
        options = replace(options, detect=language_of)
    return CHECKER.check(value, headers, options)


def _start(folder):
    for number, sample in enumerate(MUTATOR.samples):
        way = 0 if sample.is_plain else WAYS.index(sample) + 1
        for name, each in (("sample", way), ("detecting", DETECTING + way)):
            (folder / f"{name}-{number}").write_bytes(bytes([each]) + sample.value)


def main():
    folders = [Path(each) for each in sys.argv[1:] if not each.startswith("-")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = folders[0] if folders else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        _start(folder)
        arguments = [each for each in sys.argv if each.startswith("-")]
        atheris.Setup([sys.argv[0], "-max_len=20000", *arguments, str(folder)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
