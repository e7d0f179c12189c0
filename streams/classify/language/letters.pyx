# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Passes over the characters of a prompt, compiled.

They define nothing of their own: streams/classify/language/signs.py says what a sign of code is,
blocks.py which code point belongs to which script. Where this module could not be built, those do
the same, slower. tests/classify/test_letters.py checks that both always agree.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.unicode cimport (
    PyUnicode_DATA,
    PyUnicode_FromKindAndData,
    PyUnicode_KIND,
    PyUnicode_READ,
)
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from unicodedata import normalize

from streams.classify.language.blocks import (
    APOSTROPHES,
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
from streams.classify.language.signs import (
    BLOCK,
    COMMANDS,
    LINE,
    LONGEST_WORD,
    NAME,
    SHORT,
    SPAN,
    STATEMENTS,
)

cdef extern from "Python.h":
    int Py_UNICODE_ISALNUM(Py_UCS4 character)
    int Py_UNICODE_ISSPACE(Py_UCS4 character)
    Py_UCS4 Py_UNICODE_TOLOWER(Py_UCS4 character)

cdef enum:
    # Kinds of ASCII characters, as bits.
    UPPER = 1
    LOWER = 2
    DIGIT = 4
    # Letters, digits, the underscore; and those before a bracket that opens a call.
    WORD = 8
    CALLS = 16
    # A sign of a name wherever it is, or before a character of a word.
    ANYWHERE = 32
    BEFORE_WORD = 64
    # A sign of code in a line that begins with a statement's word, and at either end of any line.
    IN_STATEMENT = 128
    AT_START = 256
    AT_END = 512
    # A sign of what sets parts of a text apart.
    DIVIDES = 1024

    # Places for the scripts.
    SCRIPTS = 64

cdef uint16_t[128] _kinds


def _fill_kinds():
    cdef int code
    for code in range(128):
        each = chr(code)
        _kinds[code] = (
            UPPER * each.isupper()
            | LOWER * each.islower()
            | DIGIT * each.isdigit()
            | WORD * (each.isalnum() or each == "_")
            | CALLS * (each.isalnum() or each in "_:~!")
            | ANYWHERE * (each.isdigit() or each in "/@\\_&")
            | BEFORE_WORD * (each in "$#%")
            | IN_STATEMENT * (each in "(<{[;:\"'>.")
            | AT_START * (each in "])}\"'$")
            | AT_END * (each in ";{}([\\>")
            | DIVIDES * (each in "\n<[`~:")
        )


_fill_kinds()

# The same for bytes, of which half are not ASCII.
cdef uint16_t[256] _kinds_of_bytes
memset(_kinds_of_bytes, 0, sizeof(_kinds_of_bytes))
memcpy(_kinds_of_bytes, _kinds, sizeof(_kinds))

cdef int _BLOCK = BLOCK
cdef int _LINE = LINE
cdef int _NAME = NAME
cdef int _SPAN = SPAN
cdef int _SHORT = SHORT
cdef int _LONGEST_WORD = LONGEST_WORD
cdef frozenset _STATEMENTS = STATEMENTS
cdef frozenset _COMMANDS = COMMANDS

cdef bytes _KEPT_TABLE = table()
cdef const uint8_t* _table = <const uint8_t*>PyBytes_AS_STRING(_KEPT_TABLE)
cdef bytes _KEPT_VARIANTS = variants()
cdef const uint8_t* _variants = <const uint8_t*>PyBytes_AS_STRING(_KEPT_VARIANTS)
cdef Py_UCS4 _STRAIGHT = ord(APOSTROPHES[0])
cdef Py_UCS4 _CURLED = ord(APOSTROPHES[1])
cdef uint8_t _LETTER = LETTER
cdef uint8_t _PART = PART
cdef uint8_t _SCRIPT = SCRIPT
cdef int _LATIN = NUMBERS[LATIN]
cdef int _HAN = NUMBERS[HAN]
cdef int _KANA = NUMBERS[KANA]
cdef Py_UCS4 _WIDE_COLON = ord("：")

# A text while it is read: the width of its characters, and where they are.
cdef struct Characters:
    int width
    const void* data


cdef inline Characters _characters(str text) noexcept:
    cdef Characters found
    found.width = PyUnicode_KIND(text)
    found.data = PyUnicode_DATA(text)
    return found


cdef inline Py_UCS4 _at(const Characters* text, Py_ssize_t place) noexcept:
    return PyUnicode_READ(text.width, <void*>text.data, place)


cdef inline int _kind(Py_UCS4 sign) noexcept:
    return _kinds[sign] if sign < 128 else 0


cdef bint _continues(
    const Characters* text, Py_ssize_t at, Py_ssize_t end, const char* word, Py_ssize_t size
) noexcept:
    """Return whether an ASCII word is at a place."""
    cdef Py_ssize_t number
    if end - at < size:
        return False
    for number in range(size):
        if _at(text, at + number) != <Py_UCS4>word[number]:
            return False
    return True


cdef bint _has_key(const Characters* text, Py_ssize_t at, Py_ssize_t end) noexcept:
    """Return whether a line begins with a name and a colon; some begin the name of a file only."""
    cdef bint is_name
    cdef Py_UCS4 sign
    if _continues(text, at, end, b"- ", 2):
        at += 2
    if at >= end:
        return False
    sign = _at(text, at)
    if not (_kind(sign) & WORD) and sign != c'-':
        return False
    is_name = _kind(sign) & (WORD | UPPER | DIGIT) == WORD
    while at < end:
        sign = _at(text, at)
        if sign == c':':
            return is_name
        if not (_kind(sign) & WORD or sign == c'.' or sign == c'-'):
            return False
        is_name = is_name or sign == c'.'
        at += 1
    return False


# A line while it is read. Blanks are held back until something follows them: those around a line
# are not part of it.
cdef struct Line:
    Py_ssize_t start
    Py_ssize_t end
    bint has_begun
    bint has_sign
    bint is_ascii
    int kinds
    int commas
    int blanks
    int held
    int held_commas
    int in_row
    bint held_sign
    bint held_wide


cdef inline void _begin(Line* line) noexcept:
    memset(line, 0, sizeof(Line))
    line.is_ascii = True


cdef void _read_sign(
    Line* line, const Characters* text, Py_ssize_t place, Py_ssize_t size, Py_UCS4 last
) noexcept:
    """Read the next character of a line; `last` is the one before it."""
    cdef Py_UCS4 sign = _at(text, place)
    if sign == c' ':
        if line.has_begun:
            line.held += 1
            line.held_commas += last == c','
            line.in_row = line.in_row + 1 if last == c' ' else 1
            line.held_sign = line.held_sign or line.in_row == 3
        return
    if Py_UNICODE_ISSPACE(sign):
        line.held_sign = line.held_sign or (sign == c'\t' and line.has_begun)
        line.held_wide = line.held_wide or (sign > 127 and line.has_begun)
        return
    if not line.has_begun:
        line.has_begun = True
        line.start = place
    line.has_sign = (
        line.has_sign
        or line.held_sign
        or sign == c'='
        or sign == c'|'
        or (sign == c'(' and _kind(last) & CALLS)
        or (sign == c'[' and _kind(last) & LOWER)
        or (sign == c'&' and last == c'&')
        or (sign == c'-' and last == c'<')
        or (sign == c'E' and _continues(text, place, size, b"Error", 5))
        or (sign == c'E' and _continues(text, place, size, b"Exception", 9))
        or (sign == c'J' and _continues(text, place, size, b"JOIN", 4))
    )
    line.end = place + 1
    line.blanks += line.held
    line.commas += (sign == c',') - line.held_commas
    line.held = line.held_commas = 0
    line.is_ascii = line.is_ascii and sign < 128 and not line.held_wide
    line.kinds |= _kind(sign)


cdef bint _is_date(const Characters* text, Py_ssize_t at, Py_ssize_t end) noexcept:
    """Return whether a line begins with a year and a hyphen, in a bracket or not."""
    cdef Py_ssize_t number
    if at < end and _at(text, at) == c'[':
        at += 1
    if end - at < 5 or _at(text, at + 4) != c'-':
        return False
    for number in range(4):
        if not _kind(_at(text, at + number)) & DIGIT:
            return False
    return True


cdef bint _is_stamp(const Characters* text, Py_ssize_t at, Py_ssize_t end) noexcept:
    """Return whether a line begins with a month, a day and an hour, as the lines of syslog do."""
    return (
        end - at >= 10
        and _kind(_at(text, at)) & UPPER
        and _kind(_at(text, at + 1)) & LOWER
        and _kind(_at(text, at + 2)) & LOWER
        and _at(text, at + 3) == c' '
        and (_at(text, at + 4) == c' ' or _kind(_at(text, at + 4)) & DIGIT)
        and _kind(_at(text, at + 5)) & DIGIT
        and _at(text, at + 6) == c' '
        and _kind(_at(text, at + 7)) & DIGIT
        and _kind(_at(text, at + 8)) & DIGIT
        and _at(text, at + 9) == c':'
    )


cdef bint _is_level(const Characters* text, Py_ssize_t at, Py_ssize_t end) noexcept:
    """Return whether a line begins with the level of a message in brackets."""
    cdef Py_ssize_t number
    if end - at < 5 or _at(text, at) != c'[':
        return False
    for number in range(1, 5):
        if not _kind(_at(text, at + number)) & UPPER:
            return False
    return True


cdef bint _has_place(const Characters* text, Py_ssize_t at, Py_ssize_t end) noexcept:
    """Return whether a line begins with a path and a colon."""
    cdef bint has_slash = False, is_name = False
    cdef Py_UCS4 sign
    while at < end:
        sign = _at(text, at)
        if sign == c':':
            return has_slash and is_name
        if sign == c'/':
            if not is_name:
                return False
            has_slash, is_name = True, False
        elif _kind(sign) & WORD or sign == c'.' or sign == c'-':
            is_name = True
        else:
            return False
        at += 1
    return False


cdef bint _is_code(str whole, const Characters* text, const Line* line):
    """Return whether a line that has been read has a sign of code, as signs.may_be_code does."""
    cdef Py_ssize_t word = line.start
    cdef Py_ssize_t end = line.end
    if not line.has_begun:
        return False
    if line.has_sign or (line.is_ascii and line.commas > 1):
        return True
    if _kind(_at(text, word)) & AT_START or _kind(_at(text, end - 1)) & AT_END:
        return True
    if (
        _is_date(text, word, end)
        or _is_stamp(text, word, end)
        or _is_level(text, word, end)
        or _has_place(text, word, end)
        or (
            end - word > 1
            and _at(text, word) == c'#'
            and (_at(text, word + 1) == c'!' or _kind(_at(text, word + 1)) & LOWER)
        )
        or _continues(text, word, end, b"Caused by:", 10)
        or _continues(text, word, end, b">>>", 3)
        or _continues(text, word, end, b"+++", 3)
        or _continues(text, word, end, b"@@", 2)
        or _continues(text, word, end, b"--", 2)
        or _continues(text, word, end, b"//", 2)
        or _continues(text, word, end, b"/*", 2)
        or _has_key(text, word, end)
    ):
        return True
    while word < end and _kind(_at(text, word)) & (UPPER | LOWER | DIGIT):
        word += 1
    if word == line.start:
        return False
    first = whole[line.start : word]
    if first in _COMMANDS:
        return True
    return (line.blanks <= _SHORT or line.kinds & IN_STATEMENT) and first in _STATEMENTS


# A run of visible ASCII characters: how many, and what has been met in it.
cdef struct Run:
    Py_ssize_t size
    bint has_letter
    bint has_sign


cdef inline void _read_next(Run* run, Py_UCS4 last, Py_UCS4 sign) noexcept:
    """Read the next character of a run; `last` is the one before it, if any."""
    cdef int kind = _kinds[sign]
    cdef int before = 0 if run.size == 0 else _kinds[last]
    run.size += 1
    if kind & (UPPER | LOWER):
        run.has_letter = True
    if (
        kind & ANYWHERE
        or (kind & UPPER and before & LOWER)
        or (before & BEFORE_WORD and kind & WORD)
        or (before & WORD and (sign == c'(' or sign == c'['))
        or (run.size == 1 and sign == c'-')
        or (
            run.size > 1
            and (
                (last == c'.' and kind & (UPPER | LOWER))
                or (last == c':' and sign == c':')
                or (last == c'-' and sign == c'>')
            )
        )
    ):
        run.has_sign = True


cdef inline bint _is_name(const Run* run) noexcept:
    """Return what signs.may_be_name does."""
    return run.size > _LONGEST_WORD or (run.has_letter and run.has_sign)


def may_be_code(str whole not None):
    """Return whether a line has a sign of code."""
    cdef Characters text = _characters(whole)
    cdef Py_ssize_t size = len(whole), place
    cdef Py_UCS4 last = 0
    cdef Line line
    _begin(&line)
    for place in range(size):
        _read_sign(&line, &text, place, size, last)
        last = _at(&text, place)
    return _is_code(whole, &text, &line)


include "letters_calm.pxi"


cdef int _signs(str whole, const Characters* text, Py_ssize_t size, Py_ssize_t* counts):
    """Return the signs of the first characters of a text; set the letters of each script."""
    cdef Py_ssize_t place = 0, start
    cdef Py_UCS4 sign, last = 0
    cdef int width = text.width
    cdef void* data = <void*>text.data
    cdef const uint8_t* narrow = <const uint8_t*>data
    cdef bint is_plain = False, was_plain
    cdef int found = 0, ticks = 0
    cdef uint8_t entry
    cdef Run run
    cdef Line line
    memset(counts, 0, SCRIPTS * sizeof(Py_ssize_t))
    if _is_calm(whole, text, size, counts):
        return 0
    memset(counts, 0, SCRIPTS * sizeof(Py_ssize_t))
    run.size = run.has_letter = run.has_sign = 0
    _begin(&line)
    while place < size:
        sign = PyUnicode_READ(width, data, place)
        # Most characters are one of a word, and tell no more than the one before it.
        was_plain = is_plain
        if sign < 128:
            is_plain = _kinds[sign] & LOWER != 0
            counts[_LATIN] += _kinds[sign] & (UPPER | LOWER) != 0
        elif sign < 0x10000:
            entry = _table[sign]
            is_plain = entry != 0
            counts[entry & _SCRIPT] += entry & _LETTER != 0
        else:
            is_plain = False
        if is_plain and was_plain and (sign < 128) == (last < 128):
            start = place
            if sign < 128:
                if width == 1:
                    while place + 1 < size and _kinds_of_bytes[narrow[place + 1]] & LOWER:
                        place += 1
                    last = narrow[place]
                else:
                    last = sign
                counts[_LATIN] += place - start
                run.size += place - start + 1
            else:
                last = sign
            line.end = place + 1
            place += 1
            continue
        if c' ' < sign < 127:
            _read_next(&run, last, sign)
            ticks = ticks + 1 if sign == last else 1
            if sign == c'<':
                found |= _BLOCK | _SPAN
            elif sign == c'`':
                found |= _SPAN
            if (ticks >= 3 and (sign == c'`' or sign == c'~')) or (ticks >= 2 and sign == c'@'):
                found |= _BLOCK
        elif run.size:
            if _is_name(&run):
                found |= _NAME
            run.size = run.has_letter = run.has_sign = 0
        if sign == c'\n':
            if not found & _LINE and _is_code(whole, text, &line):
                found |= _LINE
            _begin(&line)
        else:
            _read_sign(&line, text, place, size, last)
        last = sign
        place += 1
    if run.size and _is_name(&run):
        found |= _NAME
    if not found & _LINE and _is_code(whole, text, &line):
        found |= _LINE
    return found


def signs(str whole not None):
    """Return what a text may have to be removed, as signs.signs does."""
    cdef Characters text = _characters(whole)
    cdef Py_ssize_t[SCRIPTS] counts
    return _signs(whole, &text, len(whole), counts)


cdef int _only_script(const Py_ssize_t* counts) noexcept:
    """Return the number of the script that all letters are of; -1 without one."""
    cdef int number, found = -1
    for number in range(SCRIPTS):
        if counts[number]:
            if found >= 0:
                return -1
            found = number
    return found


def without_names(str whole not None, replace, Py_ssize_t most):
    """Return a text with each run that may have a name replaced by what `replace` returns for it.

    Of the result only so many characters are complete.
    """
    cdef Characters text = _characters(whole)
    cdef Py_ssize_t size = len(whole), place, kept = 0, done = 0
    cdef Py_UCS4 sign, last = 0
    cdef Run run
    cdef list pieces = []
    cdef str piece
    run.size = run.has_letter = run.has_sign = 0
    for place in range(size + 1):
        sign = _at(&text, place) if place < size else 0
        if c' ' < sign < 127:
            _read_next(&run, last, sign)
        elif run.size:
            if _is_name(&run):
                piece = replace(whole[place - run.size : place])
                pieces.append(whole[kept : place - run.size])
                pieces.append(piece)
                done += place - run.size - kept + len(piece)
                kept = place
            run.size = run.has_letter = run.has_sign = 0
            if done + place - kept >= most:
                break
        last = sign
    if not pieces:
        return whole
    if done < most:
        pieces.append(whole[kept : kept + min(most - done, size - kept)])
    return "".join(pieces)


def scripts(str whole not None):
    """Return the number of each script in a text, with the number of its letters, in order."""
    cdef Characters text = _characters(whole)
    cdef Py_ssize_t place
    cdef Py_UCS4 sign
    cdef uint8_t entry
    cdef Py_ssize_t[SCRIPTS] counts
    cdef int number
    memset(counts, 0, sizeof(counts))
    for place in range(len(whole)):
        sign = _at(&text, place)
        if sign < 0x10000:
            entry = _table[sign]
            if entry & _LETTER:
                counts[entry & _SCRIPT] += 1
    return [(number, counts[number]) for number in range(SCRIPTS) if counts[number]]


cdef str _only(const Characters* text, Py_ssize_t size, int number):
    """Return the first characters of a text with blanks for all but those of a script."""
    cdef Py_ssize_t place
    cdef Py_UCS4 sign
    cdef uint8_t entry
    cdef uint8_t* narrow = <uint8_t*>text.data
    cdef uint8_t* short_kept
    cdef uint16_t* kept = <uint16_t*>malloc(2 * size + 1)
    if kept == NULL:
        raise MemoryError
    try:
        if text.width == 1:
            short_kept = <uint8_t*>kept
            for place in range(size):
                sign = narrow[place]
                entry = _table[sign]
                short_kept[place] = (
                    sign
                    if (entry & _PART and entry & _SCRIPT == number) or sign == _STRAIGHT
                    else c' '
                )
            return PyUnicode_FromKindAndData(1, kept, size)
        for place in range(size):
            sign = _at(text, place)
            entry = _table[sign] if sign < 0x10000 else 0
            if (entry & _PART and entry & _SCRIPT == number) or sign == _STRAIGHT or sign == _CURLED:
                kept[place] = sign
            else:
                kept[place] = c' '
        return PyUnicode_FromKindAndData(2, kept, size)
    finally:
        free(kept)


def only(str whole not None, int number):
    """Return a text with blanks for all but the letters and marks of a script."""
    cdef Characters text = _characters(whole)
    return _only(&text, len(whole), number)


def traditional(str whole not None):
    """Return how many more characters are traditional than simplified Chinese."""
    cdef Characters text = _characters(whole)
    cdef Py_ssize_t place, found = 0
    cdef Py_UCS4 sign
    for place in range(len(whole)):
        sign = _at(&text, place)
        if sign < 0x10000 and _variants[sign]:
            found += 1 if _variants[sign] == 1 else -1
    return found


include "letters_quick.pxi"

cdef uint64_t _FIRST = 14695981039346656037ULL
cdef uint64_t _PRIME = 1099511628211ULL

cdef enum:
    # Places of the filter of Words.
    PLACES = 1 << 13


cdef class Words:
    """The words of a table in a text, as words.Words has them."""

    cdef dict _table
    cdef bint _is_ascii
    cdef uint8_t[PLACES] _filter

    def __init__(self, dict table not None, *, bint is_ascii):
        cdef uint64_t code
        cdef uint32_t sign
        cdef str word
        self._table = table
        self._is_ascii = is_ascii
        memset(self._filter, 0, sizeof(self._filter))
        for word in table:
            code = _FIRST
            for sign in map(ord, word):
                code = (code ^ sign) * _PRIME
            self._filter[code >> 51] = 1

    def found(self, str whole not None, Py_ssize_t most):
        """Return the words of the first so many that are in the table, in order, and of how many."""
        cdef Characters text = _characters(whole)
        cdef Py_ssize_t size = len(whole), place, length = 0, number = 0
        cdef uint32_t sign
        cdef uint64_t code = _FIRST
        cdef bint has_digit = False, has_letter = False, ends = False
        cdef list words = []
        cdef str word
        cdef Py_UCS4* kept = <Py_UCS4*>malloc(sizeof(Py_UCS4) * 2 * (size + 1))
        if kept == NULL:
            raise MemoryError
        try:
            for place in range(size + 1):
                sign = _at(&text, place) if place < size else c' '
                ends = False
                if sign < 128:
                    if _kinds[sign] & UPPER:
                        sign |= 32
                    if self._is_ascii and not _kinds[sign] & (LOWER | DIGIT):
                        sign = c' '
                elif self._is_ascii:
                    # The letters whose small ones are ASCII: the Kelvin sign, a capital dotted i.
                    ends = sign == 0x130
                    sign = 0x6B if sign == 0x212A else 0x69 if sign == 0x130 else 0x20
                elif sign == 0x130:
                    # Its small letter is two characters.
                    kept[length] = c'i'
                    length += 1
                    code = (code ^ <uint32_t>c'i') * _PRIME
                    sign = 0x307
                else:
                    sign = Py_UNICODE_TOLOWER(sign)
                if sign != c' ':
                    kept[length] = sign
                    length += 1
                    code = (code ^ sign) * _PRIME
                    if self._is_ascii:
                        has_letter = has_letter or _kinds[sign] & LOWER != 0
                        has_digit = has_digit or sign in (c'3', c'5', c'7', c'9')
                    if not ends:
                        continue
                if length:
                    number += 1
                    if self._filter[code >> 51] or (has_digit and has_letter):
                        word = PyUnicode_FromKindAndData(4, kept, length)
                        if word in self._table or (has_digit and has_letter):
                            words.append(word)
                    length = 0
                    code = _FIRST
                    has_digit = has_letter = False
                    if number == most:
                        break
            return words, number
        finally:
            free(kept)
