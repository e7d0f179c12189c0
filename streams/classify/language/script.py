"""The script that a text is written in, and how many of its letters belong to it.

Some scripts are used by only one language that is common in prompts, and identify it. Others are
shared by many languages, which letters alone do not distinguish. Ranges are those of the Unicode
blocks.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from streams.classify.language.terms import are_terms

if TYPE_CHECKING:
    from collections.abc import Iterator

LATIN: Final = "Latin"
CYRILLIC: Final = "Cyrillic"
ARABIC: Final = "Arabic"
DEVANAGARI: Final = "Devanagari"
HAN: Final = "Han"
KANA: Final = "kana"

#: Scripts that many languages share; Han is identified by its characters, and by adjacent kana.
SHARED: Final = frozenset({LATIN, CYRILLIC, ARABIC, DEVANAGARI})

# Blocks by script, or by the language that a script identifies: a guess where small languages share
# it (Assamese is counted as Bengali, Tigrinya as Amharic, Yiddish as Hebrew).
_BLOCKS: Final = {
    LATIN: "0041-024F 0300-036F 1E00-1EFF",
    CYRILLIC: "0400-052F 1C80-1C8F A640-A69F",
    ARABIC: "0600-06FF 0750-077F 0870-08FF FB50-FDFF FE70-FEFE",
    DEVANAGARI: "0900-097F A8E0-A8FF",
    HAN: "3005-3007 3400-4DBF 4E00-9FFF F900-FAFF",
    KANA: "3040-30FF 31F0-31FF FF66-FF9F",
    "am": "1200-139F 2D80-2DDF",
    "bn": "0980-09FF",
    "bo": "0F00-0FFF",
    "chr": "13A0-13FF AB70-ABBF",
    "dv": "0780-07BF",
    "el": "0370-03FF 1F00-1FFF",
    "gu": "0A80-0AFF",
    "he": "0590-05FF FB1D-FB4F",
    "hy": "0530-058F FB13-FB17",
    "ii": "A000-A4CF",
    "iu": "1400-167F",
    "ka": "10A0-10FF 1C90-1CBF 2D00-2D2F",
    "km": "1780-17FF",
    "kn": "0C80-0CFF",
    "ko": "1100-11FF 3130-318F A960-A97F AC00-D7FF",
    "lo": "0E80-0EFF",
    "ml": "0D00-0D7F",
    "mn": "1800-18AF",
    "my": "1000-109F A9E0-A9FF AA60-AA7F",
    "or": "0B00-0B7F",
    "pa": "0A00-0A7F",
    "si": "0D80-0DFF",
    "syr": "0700-074F",
    "ta": "0B80-0BFF",
    "te": "0C00-0C7F",
    "th": "0E00-0E7F",
    "zgh": "2D30-2D7F",
}
#: Languages with a script of their own: they use no other script.
ALONE: Final = frozenset(name for name in _BLOCKS if name.islower() and name != KANA) | {
    "ja",
    "zh-Hans",
}
# Weight of one letter relative to one of Latin. Names of products and of code are in Latin letters
# in every language, so a prompt is in its other script even where that has half as many letters; a
# Chinese character is a word or half of one.
_WEIGHTS: Final = {LATIN: 1, HAN: 4, KANA: 3, "ko": 3}
_OTHER_WEIGHT: Final = 2
# Letters of another script beside Latin terms that are surely words of a sentence.
_WORD_LETTERS: Final = 2
_OTHER_WORD_LETTERS: Final = 5
# Japanese is at least a quarter kana; Chinese quotes one occasionally.
_HAN_PER_KANA: Final = 10
_BMP: Final = 0x10000
# Characters of those scripts above this are historic; the table of kept characters ends before it,
# and some of them make a detector refuse the text.
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")


class Written(NamedTuple):
    """The letters of a text: the script with most weight, its letters, its share of the weight."""

    script: str
    letters: int
    share: float


def written(text: str) -> Written | None:
    """Return the script of most of a text; None when it has no letters.

    Where Latin has most, another script decides if it has enough letters for a word or two and the
    Latin words are terms or a title. Equal weights are another script's before Latin's. Cost grows
    with the text: callers cut it first.
    """
    marks, names = _marks()
    classes = text.translate(marks)
    present = set(classes)
    # In the order of the blocks: a set's own order differs from process to process.
    counts = {name: classes.count(mark) for mark, name in names.items() if mark in present}
    if not counts:
        return None
    if KANA in counts and counts[KANA] * _HAN_PER_KANA >= counts.get(HAN, 0):
        counts[KANA] += counts.pop(HAN, 0)
    weights = {name: n * _WEIGHTS.get(name, _OTHER_WEIGHT) for name, n in counts.items()}
    script = max(weights, key=lambda name: (weights[name], name != LATIN))
    if script == LATIN and len(weights) > 1:
        other = max((name for name in weights if name != LATIN), key=weights.__getitem__)
        enough = _WORD_LETTERS if other in _WEIGHTS else _OTHER_WORD_LETTERS
        if counts[other] >= enough and are_terms(only(LATIN, text)):
            script = other
    return Written(script, counts[script], weights[script] / sum(weights.values()))


def only(name: str, text: str) -> str:
    """Return a text with blanks for all but the letters of one script, with signs and accents."""
    return _BEYOND_BMP.sub(" ", text.translate(_kept(name)))


def is_traditional(text: str) -> bool:
    """Return whether a Chinese text has more traditional than simplified characters.

    A character of Taiwan's encoding that the mainland's lacks is traditional, and the reverse;
    those in both do not count, and a tie is simplified.
    """
    return len(text.encode("big5", "ignore")) > len(text.encode("gb2312", "ignore"))


@cache
def _marks() -> tuple[str, dict[str, str]]:
    """Return a mark for each code point, blank for all but letters; and the script of each."""
    marks = [" "] * _BMP
    names = {}
    for number, name in enumerate(_BLOCKS):
        # Marks are ASCII letters and signs, one for each script: one byte a code point.
        mark = chr(ord("A") + number)
        names[mark] = name
        for code in _codes(name):
            if chr(code).isalpha():
                marks[code] = mark
    return "".join(marks), names


@cache
def _kept(name: str) -> str:
    """Return each code point that a word of a script may have, blank for all others."""
    kept = [" "] * _BMP
    for code in _codes(name):
        if unicodedata.category(chr(code))[0] in "LM":
            kept[code] = chr(code)
    for apostrophe in "'’":
        kept[ord(apostrophe)] = apostrophe
    return "".join(kept)


def _codes(name: str) -> Iterator[int]:
    for block in _BLOCKS[name].split():
        first, last = block.split("-")
        yield from range(int(first, 16), int(last, 16) + 1)
