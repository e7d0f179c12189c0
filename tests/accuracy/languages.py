"""How often the language of a text is told right, how fast, and in how much memory.

    python tests/accuracy/languages.py [--json FILE] [--part measure|choose] [--ladders]

Texts are messages of programs as translators wrote them (corpus.py has whose): more formal than
prompts, with the names of the programs left in. Thresholds were chosen on the half called `choose`
(`--ladders` prints that comparison), the figures are those of the half `measure`; no message is in
both, in any language. Texts that are in the wrong catalogue (English left in a Telugu one) count
as errors of the detector. Speed is in texts per second of CPU time on one core, median of five
rounds; on a shared machine rounds differ by a tenth to a third. Memory is resident memory over that
of Python itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import corpus

from streams.classify.language import detect as detection
from streams.classify.language.detect import detect

RESULTS = Path(__file__).parent / "results" / "languages.json"
SENTENCES = 300
#: Texts of each length: of English, which most prompts are in, and of each other language.
ENGLISH_TEXTS, OTHER_TEXTS = 1500, 200
PIECES = 200
#: Letters: at least, below.
LENGTHS = {"<16": (2, 16), "16-39": (16, 40), "40-99": (40, 100)}
#: A language of the tail is reported where it has this many sentences.
ENOUGH = 50
TEXTS_FOR_SPEED = 4000
ROUNDS = 5
#: Ladders compared: letters below, least score alone, least score where both detectors agree.
LADDERS = {
    "0.80/0.65/0.50, agreement not asked": ((16, 0.8, 0.8), (40, 0.65, 0.65), (513, 0.5, 0.5)),
    "agreement below 40 letters, else 0.50": ((40, 9, 0), (513, 0.5, 0.5)),
    "both, agreed from 0.50": ((16, 0.9, 0.5), (40, 0.75, 0.5), (513, 0.5, 0.3)),
    "both, agreed from 0.40 (chosen)": ((16, 0.9, 0.4), (40, 0.75, 0.4), (513, 0.5, 0.3)),
    "both, agreed from 0": ((16, 0.9, 0), (40, 0.75, 0), (513, 0.5, 0)),
    "both, alone from 0.80/0.65": ((16, 0.8, 0.4), (40, 0.65, 0.4), (513, 0.5, 0.3)),
}

Texts = dict[str, list[str]]


def sentences(texts: Texts) -> dict[str, Any]:
    """F1 by language, their mean, and which language is taken for which."""
    right, answered, mixed = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for tag, each in texts.items():
        for text in each:
            answer = detect(text).language
            answered[answer] += 1
            right[tag] += answer == tag
            if answer != tag:
                mixed[tag, answer] += 1
    f1 = {tag: 2 * right[tag] / (answered[tag] + len(each)) for tag, each in texts.items()}
    return {
        "macro_f1": round(statistics.mean(f1.values()), 4),
        "texts": sum(map(len, texts.values())),
        "undetermined": round(answered["und"] / sum(map(len, texts.values())), 4),
        "f1_below_1": {tag: round(f, 4) for tag, f in sorted(f1.items(), key=_value) if f < 1},
        "mixed_up": [f"{tag} -> {answer}: {n}" for (tag, answer), n in mixed.most_common(25)],
    }


def leakage(texts: list[str], tag: str) -> dict[str, float]:
    """Shares of texts in one language that are told right, undetermined, English and otherwise."""
    answers = Counter(detect(text).language for text in texts)
    right, none = answers[tag], answers["und"]
    english = 0 if tag == "en" else answers["en"]
    wrong = len(texts) - right - none - english
    shares = {"right": right, "undetermined": none, "english": english, "wrong": wrong}
    return {name: n / len(texts) for name, n in shares.items()}


def by_length(root: Path, part: str) -> dict[str, Any]:
    """For each length: shares in English, and the mean of the shares in the other languages."""
    found: dict[str, Any] = {"English": {}, "others": {}}
    texts = {tag: corpus.texts(root, names)[part] for tag, names in corpus.LANGUAGES.items()}
    for name, (least, below) in LENGTHS.items():
        fit = {
            tag: [t for t in each if least <= corpus.letters(t) < below]
            for tag, each in texts.items()
        }
        found["English"][name] = _rounded(leakage(fit.pop("en")[:ENGLISH_TEXTS], "en"))
        shares = [leakage(each[:OTHER_TEXTS], tag) for tag, each in fit.items()]
        means = {key: statistics.mean(share[key] for share in shares) for key in shares[0]}
        found["others"][name] = _rounded(means)
    return found


def code(root: Path, part: str, texts: Texts) -> dict[str, Any]:
    """Shares of code that is `und`, and of sentences told right with code before or after them."""
    bare = corpus.snippets(root, comments=False)[part]
    commented = corpus.snippets(root, comments=True)[part]
    pieces = [piece for each in bare.values() for piece in each[:40]]
    asked = [(tag, each[n]) for tag, each in texts.items() for n in range(0, len(each), 30)]
    layouts = {
        "then code": "{text}\n{code}",
        "then fenced code": "{text}\n```\n{code}\n```",
        "after fenced code": "```\n{code}\n```\n{text}",
    }
    short = [piece for piece in pieces if len(piece) < detection.PREFIX_CHARACTERS / 2]
    right = {
        name: statistics.mean(
            detect(layout.format(text=text, code=short[n % len(short)])).language == tag
            for n, (tag, text) in enumerate(asked)
        )
        for name, layout in layouts.items()
    }
    return {
        "undetermined": round(_undetermined(bare), 4),
        "undetermined_with_comments": round(_undetermined(commented), 4),
        "undetermined_by_language": {
            name: round(_undetermined({name: each}), 3) for name, each in bare.items()
        },
        "texts": sum(len(each[:PIECES]) for each in bare.values()),
        "sentence_right": _rounded(right),
    }


def speed(texts: Texts) -> dict[str, int]:
    """Texts a second of CPU time, of 80 and of 800 characters, all languages in turn."""
    found = {}
    for length in (80, 800):
        joined = (" ".join(each * 3) for each in texts.values())
        cut = [text[n * length :][:length] for text in joined for n in range(20)]
        full = [text for text in cut if len(text) == length]
        asked = (full * (TEXTS_FOR_SPEED // len(full) + 1))[:TEXTS_FOR_SPEED]
        rounds = []
        for _ in range(ROUNDS):
            start = time.process_time()
            for text in asked:
                detect(text)
            rounds.append(len(asked) / (time.process_time() - start))
        found[f"{length} characters"] = round(statistics.median(rounds), -2)
    return {name: int(rate) for name, rate in found.items()}


def memory(texts: Texts) -> dict[str, float]:
    """Megabytes that the detector, with all languages read, and the catalogue add to Python."""
    program = """
import re, sys
lines = sys.stdin.read().splitlines()
def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
start = resident()
from streams.classify.language.detect import detect
for line in lines: detect(line)
print(resident() - start)
from streams.classify.origin.catalog import Catalog
catalog = Catalog.load()
print(resident() - start)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input="\n".join(text for each in texts.values() for text in each[:100]),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    names = ("detector", "detector and catalogue")
    return {name: round(float(n), 1) for name, n in zip(names, done.stdout.split(), strict=True)}


def tail(texts: Texts) -> dict[str, Any]:
    """Share told right in languages with fewer texts."""
    right = {tag: leakage(each, tag)["right"] for tag, each in texts.items() if len(each) >= ENOUGH}
    return {
        "mean_right": round(statistics.mean(right.values()), 4),
        "right": {tag: round(share, 3) for tag, share in sorted(right.items(), key=_value)},
    }


def figures(part: str) -> dict[str, Any]:
    """All figures of one half of the texts, with their conditions."""
    root, versions = corpus.fetched()
    texts = _sentences(root, part, corpus.LANGUAGES)
    return {
        "conditions": {
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared",
            "detectors": {name: version(name) for name in ("eldc", "pycld2")},
            "texts": versions,
            "part": part,
        },
        "sentences": sentences(texts),
        "by_length": by_length(root, part),
        "tail": tail(_sentences(root, part, corpus.RARE)),
        "code": code(root, part, texts),
        "speed_texts_per_cpu_second": speed(texts),
        "memory_mb": memory(texts),
    }


def ladders() -> None:
    """Print what each ladder gives on the half that thresholds are chosen on."""
    root, _ = corpus.fetched()
    texts = _sentences(root, corpus.CHOOSE, corpus.LANGUAGES)
    for name, ladder in LADDERS.items():
        with mock.patch.object(detection, "_LADDER", ladder):
            lengths = by_length(root, corpus.CHOOSE)
            print(f"{name}: macro-F1 {sentences(texts)['macro_f1']}")
            for length in LENGTHS:
                print(f"  {length:6} English {lengths['English'][length]}")
                print(f"  {'':6} others  {lengths['others'][length]}")
            pieces = corpus.snippets(root, comments=False)[corpus.CHOOSE]
            print(f"  code undetermined {_undetermined(pieces):.3f}")


def _sentences(root: Path, part: str, languages: dict[str, str]) -> Texts:
    found = {tag: corpus.texts(root, names).get(part, []) for tag, names in languages.items()}
    return {tag: list(filter(corpus.is_sentence, each))[:SENTENCES] for tag, each in found.items()}


def _undetermined(pieces: Texts) -> float:
    taken = [piece for each in pieces.values() for piece in each[:PIECES]]
    return statistics.mean(detect(piece).language == "und" for piece in taken)


def _rounded(shares: dict[str, float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in shares.items()}


def _value(item: tuple[str, float]) -> float:
    return item[1]


def main() -> None:
    """Measure, print, and write the results down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--part", choices=(corpus.MEASURE, corpus.CHOOSE), default=corpus.MEASURE)
    parser.add_argument("--ladders", action="store_true", help="compare thresholds, write nothing")
    given = parser.parse_args()
    if not detection.HAS_MODEL:
        sys.exit("the detectors are missing: pip install 'tokenshare[language]'")
    if given.ladders:
        ladders()
        return
    found = figures(given.part)
    written = json.dumps(found, indent=1, ensure_ascii=False)
    print(written)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(written + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
