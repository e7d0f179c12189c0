# Texts of words, blanks and punctuation, as most are: they have no sign of code, which one cheap pass
# finds. What may follow what is a table; whatever it does not allow is left to the closer pass.

cdef enum Kind:
    ODD, SMALL, LARGE, FIGURE, BLANK, BREAK, MARK, COMMA, QUOTE, HYPHEN, OPENING, OTHER, KINDS

# What has been read last: a word by its last letter, the mark at its end, a bracket or a hyphen
# before one. After the marks no word may follow without a blank.
cdef enum State:
    NOT_CALM, AT_LINE, AFTER_BLANK, IN_WORD, IN_CAPITALS, IN_NUMBER, AFTER_MARK, AFTER_COMMA
    AFTER_QUOTE, AFTER_HYPHEN, AFTER_OPENING, AFTER_OTHER, AFTER_DASH, STATES

cdef uint8_t[256] _calm_kinds
cdef uint8_t[STATES][KINDS] _following


def _fill_calm():
    cdef int code, state
    memset(_calm_kinds, ODD, sizeof(_calm_kinds))
    memset(_following, NOT_CALM, sizeof(_following))
    for code in range(256):
        each = chr(code)
        if code > 127:
            _calm_kinds[code] = ODD if code < 0xA1 else OTHER
        elif each.isalnum():
            _calm_kinds[code] = SMALL if each.islower() else LARGE if each.isupper() else FIGURE
    for signs_of, kind in (
        (" ", BLANK),
        ("\n", BREAK),
        (".?!)", MARK),
        (",", COMMA),
        ("'\"", QUOTE),
        ("-", HYPHEN),
        ("(", OPENING),
    ):
        for each in signs_of:
            _calm_kinds[<int>ord(each)] = kind
    word = {SMALL: IN_WORD, LARGE: IN_CAPITALS, OTHER: AFTER_OTHER}
    end = {BLANK: AFTER_BLANK, BREAK: AT_LINE}
    marks = {MARK: AFTER_MARK, COMMA: AFTER_COMMA}
    after_word = end | marks | {QUOTE: AFTER_QUOTE, HYPHEN: AFTER_HYPHEN, OTHER: AFTER_OTHER}
    for state, following in (
        (AT_LINE, word | {FIGURE: IN_NUMBER, BREAK: AT_LINE}),
        (
            AFTER_BLANK,
            word
            | {FIGURE: IN_NUMBER, BREAK: AT_LINE, MARK: AFTER_MARK, QUOTE: AFTER_QUOTE}
            | {OPENING: AFTER_OPENING, HYPHEN: AFTER_DASH},
        ),
        (IN_WORD, after_word | {SMALL: IN_WORD}),
        (IN_CAPITALS, after_word | word),
        (IN_NUMBER, end | marks | {FIGURE: IN_NUMBER, OTHER: AFTER_OTHER}),
        (AFTER_MARK, end | {MARK: AFTER_MARK, QUOTE: AFTER_MARK, OTHER: AFTER_OTHER}),
        (AFTER_COMMA, end | {OTHER: AFTER_OTHER}),
        (AFTER_QUOTE, word | end | marks | {QUOTE: AFTER_QUOTE}),
        (AFTER_HYPHEN, word | end),
        (AFTER_OPENING, word),
        (
            AFTER_OTHER,
            word | end | marks | {FIGURE: IN_NUMBER, QUOTE: AFTER_QUOTE, OPENING: AFTER_OPENING},
        ),
        (AFTER_DASH, end),
    ):
        for kind, then in following.items():
            _following[state][<int>kind] = then


_fill_calm()


cdef bint _begins_code(str whole, const Characters* text, Py_ssize_t at, Py_ssize_t end):
    """Return whether the first word of a line may begin a statement or a command."""
    cdef Py_ssize_t word = at
    while word < end and _kind(_at(text, word)) & (UPPER | LOWER | DIGIT):
        word += 1
    if word == at:
        return False
    first = whole[at:word]
    return first in _COMMANDS or first in _STATEMENTS


cdef bint _is_calm(str whole, const Characters* text, Py_ssize_t size, Py_ssize_t* counts):
    """Return whether a text surely has no sign of code; add its letters to those of each script.

    Where it returns False it may have added some.
    """
    cdef Py_ssize_t place = 0, line = 0, run = 0, latin = 0, start
    cdef int width = text.width
    cdef void* data = <void*>text.data
    cdef const uint8_t* narrow = <const uint8_t*>data
    cdef Py_UCS4 sign
    cdef int kind, state = AT_LINE
    cdef uint8_t entry
    while place < size:
        sign = PyUnicode_READ(width, data, place)
        if sign < 256:
            kind = _calm_kinds[sign]
        else:
            kind = ODD if Py_UNICODE_ISSPACE(sign) else OTHER
        state = _following[state][kind]
        if state == NOT_CALM:
            return False
        if kind == SMALL:
            start = place
            if width == 1:
                while place + 1 < size and _kinds_of_bytes[narrow[place + 1]] & LOWER:
                    place += 1
            latin += place - start + 1
        elif kind == LARGE:
            latin += 1
            if sign == c'E' or sign == c'J':
                if (
                    _continues(text, place, size, b"Error", 5)
                    or _continues(text, place, size, b"Exception", 9)
                    or _continues(text, place, size, b"JOIN", 4)
                ):
                    return False
        elif kind == BLANK or kind == BREAK or kind == OTHER:
            # Between the runs of characters that names are looked for in.
            if place - run > _LONGEST_WORD:
                return False
            run = place + 1
            if kind == OTHER and sign < 0x10000:
                entry = _table[sign]
                counts[entry & _SCRIPT] += entry & _LETTER != 0
            elif kind == BREAK:
                if _begins_code(whole, text, line, place):
                    return False
                line = place + 1
        place += 1
    counts[_LATIN] += latin
    return (
        state != AFTER_OPENING
        and size - run <= _LONGEST_WORD
        and not _begins_code(whole, text, line, size)
    )
