"""Finds the words of a table in a text: few of a prompt's are in it."""

from __future__ import annotations

import re
from typing import Final

from streams.classify.language import compiled

_ASCII = re.compile(r"[a-z0-9]+")
_ANY = re.compile(r"[^ ]+")
#: Digits that are letters of Arabic in romanised words.
_DIGITS: Final = frozenset("3579")


class PythonWords:
    """The words of a table in a text.

    Words are lower-case. They are between blanks, or of ASCII letters and digits alone; of the
    latter, those that have a letter and one of the digits 3, 5, 7, 9 are found as well.
    """

    def __init__(self, table: dict[str, str], *, is_ascii: bool) -> None:
        self._table = table
        self._is_ascii = is_ascii

    def found(self, text: str, most: int) -> tuple[list[str], int]:
        """Return the words of the first so many that are in the table, in order, and of how many.

        Cost grows with the text: callers cut it first.
        """
        # A sigma at the end of a word has a small letter of its own.
        words = (_ASCII if self._is_ascii else _ANY).findall(text.replace("Σ", "σ").lower())[:most]
        return [word for word in words if word in self._table or self._has_digit(word)], len(words)

    def _has_digit(self, word: str) -> bool:
        return self._is_ascii and not word.isdigit() and not _DIGITS.isdisjoint(word)


# The same, compiled where that was possible.
Words = PythonWords if compiled.letters is None else compiled.letters.Words
