"""The script that a text is written in, and how many of its letters belong to it."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from streams.classify.language import compiled
from streams.classify.language.blocks import (
    APOSTROPHES,
    BLOCKS,
    BMP,
    DEVANAGARI,
    HAN,
    KANA,
    LATIN,
    LETTER,
    NAMES,
    NUMBERS,
    PART,
    SCRIPT,
    table,
    variants,
)
from streams.classify.language.terms import are_terms

#: Languages with a script of their own: they use no other script.
ALONE: Final = frozenset(name for name in BLOCKS if name.islower() and name != KANA) | {
    "ja",
    "zh-Hans",
}
# Weight of one letter relative to one of Latin. Names of products and of code are in Latin letters
# in every language, so a prompt is in its other script even where that has half as many letters; a
# Chinese character is a word or half of one.
_WEIGHTS: Final = {LATIN: 1, HAN: 4, KANA: 3, "ko": 3}
_OTHER_WEIGHT: Final = 2
#: The weights of all scripts, in the order of their numbers.
WEIGHTS: Final = tuple(_WEIGHTS.get(name, _OTHER_WEIGHT) for name in NAMES)
# Letters of another script beside Latin terms that are surely words of a sentence.
_WORD_LETTERS: Final = 2
_OTHER_WORD_LETTERS: Final = 5
# Scripts that write vowels as marks, which are no letters.
_ABUGIDA_WORD_LETTERS: Final = 3
_ABUGIDAS: Final = frozenset(
    {DEVANAGARI, "bn", "gu", "kn", "km", "ml", "my", "or", "pa", "si", "ta", "te"}
)
#: Japanese has so many kana; Chinese quotes one occasionally.
HAN_PER_KANA: Final = 10


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
    found = _scripts(text)
    if len(found) == 1:
        ((number, letters),) = found
        return Written(NAMES[number], letters, 1.0)
    if not found:
        return None
    # In the order of the blocks: a set's own order differs from process to process.
    counts = {NAMES[number]: letters for number, letters in found}
    if KANA in counts and counts[KANA] * HAN_PER_KANA >= counts.get(HAN, 0):
        counts[KANA] += counts.pop(HAN, 0)
    weights = {name: n * _WEIGHTS.get(name, _OTHER_WEIGHT) for name, n in counts.items()}
    script = max(weights, key=lambda name: (weights[name], name != LATIN))
    if script == LATIN and len(weights) > 1:
        other = max((name for name in weights if name != LATIN), key=weights.__getitem__)
        if counts[other] >= _enough(other) and are_terms(only(LATIN, text)):
            script = other
    return Written(script, counts[script], weights[script] / sum(weights.values()))


def _enough(name: str) -> int:
    """Return how many letters of a script beside Latin terms are words of a sentence."""
    if name in _ABUGIDAS:
        return _ABUGIDA_WORD_LETTERS
    return _WORD_LETTERS if name in _WEIGHTS else _OTHER_WORD_LETTERS


def only(name: str, text: str) -> str:
    """Return a text with blanks for all but the letters of one script, with signs and accents."""
    return _only(text, NUMBERS[name])


def is_traditional(text: str) -> bool:
    """Return whether a Chinese text has more traditional than simplified characters.

    Characters that both use do not count, and a tie is simplified.
    """
    return _traditional(text) > 0


def scripts(text: str) -> list[tuple[int, int]]:
    """Return the number of each script in a text, with the number of its letters, in order."""
    classes = text.translate(_marks())
    present = set(classes) - {" "}
    return sorted((ord(mark) - _FIRST_MARK, classes.count(mark)) for mark in present)


def only_number(text: str, number: int) -> str:
    """Return a text with blanks for all but the letters and marks of a script."""
    return text.translate(_kept(number))


def traditional(text: str) -> int:
    """Return how many more characters are traditional than simplified Chinese."""
    classes = bytes(map(variants().__getitem__, map(_code, text)))
    return classes.count(1) - classes.count(2)


def _code(character: str) -> int:
    code = ord(character)
    return code if code < BMP else 0


class _Characters(dict[int, str]):
    """A table for `str.translate`, with blanks for what it lacks."""

    def __missing__(self, _: int) -> str:
        return " "


@cache
def _marks() -> _Characters:
    """Return a mark for each letter: one of a byte for each script."""
    return _Characters(
        (code, chr(_FIRST_MARK + (entry & SCRIPT)))
        for code, entry in enumerate(table())
        if entry & LETTER
    )


@cache
def _kept(number: int) -> _Characters:
    """Return what a word of a script may have."""
    return _Characters(
        (code, chr(code))
        for code, entry in enumerate(table())
        if (entry & PART and entry & SCRIPT == number) or chr(code) in APOSTROPHES
    )


#: Marks are ASCII letters and signs.
_FIRST_MARK: Final = ord("A")

# The same passes, compiled where that was possible.
if compiled.letters is None:
    _scripts, _only, _traditional = scripts, only_number, traditional
else:
    _scripts = compiled.letters.scripts
    _only = compiled.letters.only
    _traditional = compiled.letters.traditional
