# What needs no rule of Python: texts that the first detector is sure of, or whose script decides.

cdef class Ranker:
    """Ranks languages by the scores of eldc, as opinion.ranker does."""

    cdef object _details
    cdef dict _tags

    def __init__(self, details, dict tags not None):
        self._details = details
        self._tags = tags

    def __call__(self, str text not None):
        """Return tags with scores, best first."""
        cdef dict scores = self._details(text).scores
        cdef list ranked = []
        for code, score in scores.items():
            ranked.append((self._tags[code], score))
        return ranked


# Characters of a message that are read: all of a short one, else these at both ends.
cdef enum:
    READ = 512
    HEAD = 256
    TAIL = 255
    # Where a label's colon may be: in a text of one line, in any line.
    FIRST_LABEL = 26
    ANY_LABEL = 80
    # At the beginning and the end, where blocks of tools are looked for.
    EDGE = 128
    # The longest text that may be a nudge.
    NUDGE = 24

cdef const char* _PLACEHOLDER = b"redacted"
_BY_SCRIPT = "script"
_BY_MODEL = "model"


cdef struct Lines:
    # Where the line begins, without marks of a heading; where a label may end.
    Py_ssize_t begin
    Py_ssize_t label
    bint is_leading
    bint has_ended
    int lines


cdef inline bint _end_line(Lines* lines, Py_ssize_t place) noexcept:
    """Begin the next line; return False where it ends a paragraph."""
    if lines.has_ended:
        return False
    lines.has_ended = lines.is_leading = True
    lines.begin = place
    lines.lines += 1
    return True


cdef bint _is_one(const Characters* text, Py_ssize_t at, Py_ssize_t end, Lines* lines) noexcept:
    """Read characters; return whether nothing in them may set a part of the text apart."""
    cdef int width = text.width
    cdef void* data = <void*>text.data
    cdef const uint8_t* narrow = <const uint8_t*>data
    cdef Py_UCS4 sign
    while at < end:
        if not lines.is_leading:
            if width == 1:
                while at < end and not _kinds_of_bytes[narrow[at]] & DIVIDES:
                    at += 1
            else:
                while at < end:
                    sign = PyUnicode_READ(width, data, at)
                    if _kinds[sign] & DIVIDES if sign < 128 else sign == _WIDE_COLON:
                        break
                    at += 1
            if at == end:
                break
        sign = PyUnicode_READ(width, data, at)
        at += 1
        if sign == c'\n':
            if not _end_line(lines, at):
                return False
            continue
        lines.has_ended = False
        if lines.is_leading:
            if sign == c' ' or sign == c'#':
                lines.begin = at
            else:
                lines.is_leading = False
        if sign == c'<' or (sign == c'[' and at < end and PyUnicode_READ(width, data, at) == c'I'):
            return False
        if sign == c'`' or sign == c'~':
            if (
                end - at > 1
                and PyUnicode_READ(width, data, at) == sign
                and PyUnicode_READ(width, data, at + 1) == sign
            ):
                return False
        elif (sign == c':' or sign == _WIDE_COLON) and at - 1 - lines.begin < lines.label:
            lines.label = at - 1 - lines.begin
    return True


cdef bint _is_undivided(const Characters* text, Py_ssize_t size) noexcept:
    """Return whether nothing in what is read of a message sets parts of it apart.

    That is: no block, fence, mark of a template, paragraph, and no label.
    """
    cdef Lines lines
    cdef Py_ssize_t end = size if size <= READ else HEAD
    memset(&lines, 0, sizeof(Lines))
    lines.is_leading = True
    lines.label = ANY_LABEL
    if not _is_one(text, 0, end, &lines):
        return False
    if end < size:
        end = size - TAIL
        if not _end_line(&lines, end) or not _is_one(text, end, size, &lines):
            return False
    return lines.label >= (ANY_LABEL if lines.lines else FIRST_LABEL)


cdef bint _may_be_redacted(const Characters* text, Py_ssize_t size) noexcept:
    """Return whether the first word begins as a placeholder does."""
    cdef Py_ssize_t place, number
    cdef Py_UCS4 sign
    for place in range(min(size, HEAD)):
        sign = _at(text, place)
        if Py_UNICODE_ISALNUM(sign) or sign == c'_':
            break
    else:
        return True
    if size - place < 8:
        return False
    for number in range(8):
        if <uint32_t>_at(text, place + number) | 32 != <uint32_t>_PLACEHOLDER[number]:
            return False
    return True


cdef bint _is_a_turn(const Characters* text, Py_ssize_t size) noexcept:
    """Return whether a message is a person's words throughout, as they are."""
    cdef Py_ssize_t place
    cdef Py_UCS4 first
    if size == 0:
        return False
    first = _at(text, 0)
    if first == c'{' or first == c'[' or Py_UNICODE_ISSPACE(first):
        return False
    # A label at the end is for the model to go on from; what is quoted there may be a person's.
    first = _at(text, size - 1)
    if first == c':' or first == _WIDE_COLON or first == c'"':
        return False
    for place in range(max(0, size - EDGE), size):
        if _at(text, place) == c'>':
            return False
    return not _may_be_redacted(text, size) and _is_undivided(text, size)


cdef class Quick:
    """A shortcut for the texts of which the first detector is sure by itself, or their script.

    `least` is the least score of each language of which nothing else is asked, `ladder` has the
    letters below which a least score holds for all, `fewest` the letters below which a text has no
    language. `weights` are those of a letter of each script, `shared` the scripts of several
    languages, `dense` those of which one letter is enough. A short text in `english` of a lower
    score than `no_title` may have a title in it, and one with `quotes` a quotation. One that begins
    as what `clients` write may be no person's.
    """

    cdef object _first
    cdef dict _least
    cdef tuple _ladder
    cdef double _tie
    cdef uint64_t _shared
    cdef uint64_t _dense
    cdef Py_ssize_t _fewest
    cdef Py_ssize_t[SCRIPTS] _weights
    cdef Py_ssize_t _han_per_kana
    cdef str _english
    cdef double _no_title
    cdef Py_ssize_t _title_characters
    cdef frozenset _quotes
    cdef tuple _clients

    def __init__(
        self,
        first,
        dict least not None,
        tuple ladder not None,
        *,
        double tie,
        Py_ssize_t fewest,
        shared,
        dense,
        weights,
        Py_ssize_t han_per_kana,
        str english,
        double no_title,
        Py_ssize_t title_characters,
        str quotes,
        tuple clients not None,
    ):
        self._first = first
        self._least = least
        self._ladder = ladder
        self._tie = tie
        self._fewest = fewest
        self._shared = self._dense = 0
        for number in shared:
            self._shared |= <uint64_t>1 << <int>number
        for number in dense:
            self._dense |= <uint64_t>1 << <int>number
        memset(self._weights, 0, sizeof(self._weights))
        for number, weight in enumerate(weights):
            self._weights[<int>number] = weight
        self._han_per_kana = han_per_kana
        self._english = english
        self._no_title = no_title
        self._title_characters = title_characters
        self._quotes = frozenset(quotes)
        self._clients = clients

    cdef tuple _sure(self, list ranked, Py_ssize_t letters):
        """Return the best language with its score where nothing else is asked, else None."""
        if len(ranked) < 2:
            return None
        best = ranked[0]
        cdef double score = best[1]
        least = self._least.get(best[0])
        if least is None or score < <double>least:
            return None
        for below, alone in self._ladder:
            if letters < <Py_ssize_t>below:
                break
        if score >= <double>alone and score - <double>ranked[1][1] >= self._tie:
            return best
        return None

    def __call__(self, str whole not None, bint is_prose):
        """Return a sure tag with its score; else what was found out of a text in one script.

        That is the script's number, its letters, the text of those, and the ranked languages or
        None where the detector was not asked. Of a text with signs of code it is those, unless it
        is prose for sure; of one in several scripts 0.
        """
        cdef Characters text = _characters(whole)
        cdef Py_ssize_t[SCRIPTS] counts
        cdef Py_ssize_t letters
        cdef int number
        cdef str words
        cdef list ranked
        number = _signs(whole, &text, len(whole), counts)
        if number and not is_prose:
            return number
        number = _only_script(counts)
        if number < 0:
            return 0
        letters = counts[number]
        words = _only(&text, len(whole), number)
        if letters < self._fewest or not self._shared >> number & 1:
            return number, letters, words, None
        ranked = self._first(words)
        best = self._sure(ranked, letters)
        return (number, letters, words, ranked) if best is None else best

    cdef int _main(self, Py_ssize_t* counts, double* share):
        """Return the number of the script of most weight, with its share, as script.written does.

        Negative where there is none, and where it is Latin beside another.
        """
        cdef int number, found = -1
        cdef Py_ssize_t weight, most = 0, total = 0
        if counts[_KANA] and counts[_KANA] * self._han_per_kana >= counts[_HAN]:
            counts[_KANA] += counts[_HAN]
            counts[_HAN] = 0
        for number in range(SCRIPTS):
            weight = counts[number] * self._weights[number]
            total += weight
            if weight > most or (weight == most and found == _LATIN):
                most, found = weight, number
        if found == _LATIN and total > most:
            return -1
        share[0] = <double>most / <double>total if total else 0.0
        return found

    def of_message(self, str whole not None):
        """Return the language of a person's message with its confidence and what decided.

        Where the first detector is not sure, what was found out of it instead: the number of its
        script, its letters, their share, their text, the ranked languages, and the text that was
        read. None where parts of the message have to be told apart, or code or titles removed.
        """
        cdef Characters text = _characters(whole)
        cdef Py_ssize_t size = len(whole), read
        cdef Py_ssize_t[SCRIPTS] counts
        cdef double share = 0
        cdef int number
        cdef str head, words
        cdef list ranked
        if not _is_a_turn(&text, size):
            return None
        if size <= self._title_characters and not self._quotes.isdisjoint(whole):
            return None
        head = whole
        if text.width > 1:
            # Composed, some characters become several.
            head = normalize("NFC", whole[:HEAD])
            text = _characters(head)
        read = min(len(head), HEAD)
        if _signs(head, &text, read, counts):
            return None
        number = self._main(counts, &share)
        if number < 0 or counts[number] < (1 if self._dense >> number & 1 else self._fewest):
            return None
        if not self._shared >> number & 1:
            return self._of_script(head[:read], number), share, _BY_SCRIPT
        words = _only(&text, read, number)
        ranked = self._first(words)
        best = self._sure(ranked, counts[number])
        if best is None:
            return number, counts[number], share, words, ranked, head[:read]
        language, score = best
        if language == self._english and (
            size <= NUDGE
            or (size <= self._title_characters and <double>score < self._no_title)
            or whole.startswith(self._clients)
        ):
            return None
        return language, score, _BY_MODEL

    cdef str _of_script(self, str head, int number):
        if number == _KANA:
            return "ja"
        if number == _HAN:
            return "zh-Hant" if traditional(head) > 0 else "zh-Hans"
        return NAMES[number]
