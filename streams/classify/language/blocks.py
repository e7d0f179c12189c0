"""The script of each code point: the ranges of the Unicode blocks, and tables made of them.

Some scripts are used by only one language that is common in prompts, and identify it. Others are
shared by many languages, which letters alone do not distinguish.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

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
BLOCKS: Final = {
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
#: The scripts in the order of their numbers.
NAMES: Final = tuple(BLOCKS)
NUMBERS: Final = {name: number for number, name in enumerate(NAMES)}
#: An entry of the table: the script's number, and whether it is a letter, and part of a word.
SCRIPT, LETTER, PART = 0x3F, 0x40, 0x80
#: Code points in the tables; scripts above are historic, and some make a detector refuse a text.
BMP: Final = 0x10000
#: Signs that words of all scripts may have in them.
APOSTROPHES: Final = "'\u2019"


@cache
def table() -> bytes:
    """Return an entry for each code point of a script, 0 for all others."""
    entries = bytearray(BMP)
    for name, number in NUMBERS.items():
        for code in _codes(name):
            category = unicodedata.category(chr(code))[0]
            if category in "LM":
                entries[code] = number | PART | (LETTER if category == "L" else 0)
    return bytes(entries)


@cache
def variants() -> bytes:
    """Return for each code point 1 where it is traditional Chinese, 2 where it is simplified.

    A character of Taiwan's encoding that the mainland's lacks is traditional, and the reverse.
    """
    han = "".join(map(chr, _codes(HAN)))
    taiwan, mainland = (set(han.encode(each, "ignore").decode(each)) for each in ("big5", "gb2312"))
    entries = bytearray(BMP)
    for code, characters in ((1, taiwan - mainland), (2, mainland - taiwan)):
        for character in characters:
            entries[ord(character)] = code
    return bytes(entries)


def _codes(name: str) -> Iterator[int]:
    for block in BLOCKS[name].split():
        first, last = block.split("-")
        yield from range(int(first, 16), int(last, 16) + 1)
