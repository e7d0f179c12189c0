# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Plain events, read straight from the bytes of a Kafka record batch into columns of numbers.

This is the hot loop: nearly all records of a gateway are plain, and here they become numbers
without a Python object each, at a tenth of what a record object, a decoded event and six columns
of Python objects cost. It knows nothing that is not written elsewhere: what a valid event is says
streams/formats/native.py, how a record lies in a batch streams/record.py. A record that is not
plain in the narrow sense below is not judged but handed out as it is, for that slower code, and
tests/test_scan.py holds that both always agree.

A value is plain when it is one JSON object of only these fields, each at most once: `id` (a
string), `ts` (a number without exponent that a double holds exactly, or null), `model` (a string
that does not begin with a space), `prompt_tokens` and `completion_tokens` (whole numbers up to
MAX_TOKENS), `language` and `tenant` (a string or null); and when its strings are printable ASCII
without escapes.

Memory safety: every read is of a byte below `end`, and every `end` has been checked against the
one around it. Formats: https://kafka.apache.org/documentation/#recordbatch, RFC 8259.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy

import os

from streams.event import EARLIEST_TIME, MAX_TOKENS

cdef int64_t _MAX_TOKENS = MAX_TOKENS
cdef double _EARLIEST_TIME = EARLIEST_TIME

# Every whole number up to here is a double.
cdef int64_t _EXACT = 1 << 53

# Between the parts of a text of several: no plain string holds it.
cdef enum:
    SEPARATOR = 0x1F

#: What joins a model's name and a declared language in the texts of `Names`.
JOINT = bytes([SEPARATOR])

# A string goes on as long as its bytes are of this kind.
cdef uint8_t[256] _IS_PLAIN
cdef int _byte
for _byte in range(256):
    _IS_PLAIN[_byte] = 0x20 <= _byte < 0x7F and _byte not in b'"\\'

cdef double[16] _POWERS
for _byte in range(16):
    _POWERS[_byte] = 10.0 ** _byte


cdef class Names:
    """Texts by number, in the order in which they came; a text is found without a Python object.

    A hash table with open addressing. Its hash is seeded at random, for texts come from outside.
    """

    cdef readonly list texts
    cdef int32_t* _slots
    cdef uint64_t* _hashes
    cdef uint64_t _mask
    cdef uint64_t _seed

    def __cinit__(self):
        self.texts = []
        self._mask = 255
        self._seed = int.from_bytes(os.urandom(8), "little") | 1
        self._slots = <int32_t*>calloc(self._mask + 1, sizeof(int32_t))
        self._hashes = <uint64_t*>realloc(NULL, (self._mask + 1) * sizeof(uint64_t))
        if self._slots == NULL or self._hashes == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self._slots)
        free(self._hashes)

    def __len__(self):
        return len(self.texts)

    cdef int64_t find(
        self, const uint8_t* text, Py_ssize_t size, const uint8_t* more, Py_ssize_t more_size
    ) except -1:
        """Return the number of a text, or of two joined; a `more` of NULL is none."""
        cdef uint64_t hashed = _hash(text, size, self._seed)
        cdef uint64_t at
        cdef int32_t slot
        if more != NULL:
            hashed = _hash(more, more_size, hashed ^ self._seed)
        at = hashed & self._mask
        while True:
            slot = self._slots[at]
            if slot == 0:
                return self._learn(hashed, text, size, more, more_size)
            if self._hashes[slot - 1] == hashed and _is_same(
                <bytes>self.texts[slot - 1], text, size, more, more_size
            ):
                return slot - 1
            at = (at + 1) & self._mask

    cdef int64_t _learn(
        self,
        uint64_t hashed,
        const uint8_t* text,
        Py_ssize_t size,
        const uint8_t* more,
        Py_ssize_t more_size,
    ) except -1:
        cdef int64_t number = len(self.texts)
        cdef bytes known = PyBytes_FromStringAndSize(<const char*>text, size)
        if more != NULL:
            known += JOINT + PyBytes_FromStringAndSize(<const char*>more, more_size)
        if <uint64_t>(number + 1) * 2 > self._mask:
            self._grow()
        self.texts.append(known)
        self._hashes[number] = hashed
        self._place(hashed, number)
        return number

    cdef void _place(self, uint64_t hashed, int64_t number) noexcept:
        cdef uint64_t at = hashed & self._mask
        while self._slots[at] != 0:
            at = (at + 1) & self._mask
        self._slots[at] = <int32_t>(number + 1)

    cdef int _grow(self) except -1:
        cdef uint64_t mask = self._mask * 2 + 1
        cdef int32_t* slots = <int32_t*>calloc(mask + 1, sizeof(int32_t))
        cdef uint64_t* hashes
        cdef int64_t number
        if slots == NULL:
            raise MemoryError
        hashes = <uint64_t*>realloc(self._hashes, (mask + 1) * sizeof(uint64_t))
        if hashes == NULL:
            free(slots)
            raise MemoryError
        free(self._slots)
        self._slots, self._hashes, self._mask = slots, hashes, mask
        for number in range(len(self.texts)):
            self._place(hashes[number], number)
        return 0


cdef uint64_t _hash(const uint8_t* text, Py_ssize_t size, uint64_t seed) noexcept nogil:
    # Eight bytes at a time, each mixed by a multiplication; the last step spreads the high bits.
    cdef uint64_t hashed = seed ^ (<uint64_t>size * <uint64_t>0x9E3779B97F4A7C15)
    cdef uint64_t word
    while size >= 8:
        memcpy(&word, text, 8)
        hashed = (hashed ^ word) * <uint64_t>0xFF51AFD7ED558CCD
        hashed ^= hashed >> 32
        text += 8
        size -= 8
    if size:
        word = 0
        memcpy(&word, text, size)
        hashed = (hashed ^ word) * <uint64_t>0xFF51AFD7ED558CCD
        hashed ^= hashed >> 32
    hashed *= <uint64_t>0xC4CEB9FE1A85EC53
    return hashed ^ (hashed >> 29)


cdef bint _is_same(
    bytes known,
    const uint8_t* text,
    Py_ssize_t size,
    const uint8_t* more,
    Py_ssize_t more_size,
) noexcept:
    cdef const char* mine = PyBytes_AS_STRING(known)
    cdef Py_ssize_t length = len(known)
    if more == NULL:
        return length == size and memcmp(mine, text, size) == 0
    return (
        length == size + 1 + more_size
        and mine[size] == SEPARATOR
        and memcmp(mine, text, size) == 0
        and memcmp(mine + size + 1, more, more_size) == 0
    )


# --- One value -----------------------------------------------------------------------------------


cdef struct Span:
    const uint8_t* start
    Py_ssize_t size


cdef struct Plain:
    # What a value says. `start` is NULL where a text is absent or null.
    Span model
    Span language
    Span tenant
    int64_t prompt
    int64_t completion
    double ts
    bint has_ts


cdef enum Field:
    ID = 1
    TS = 2
    MODEL = 4
    PROMPT = 8
    COMPLETION = 16
    LANGUAGE = 32
    TENANT = 64


cdef inline const uint8_t* _blank(const uint8_t* at, const uint8_t* end) noexcept nogil:
    while at < end and (at[0] == 0x20 or at[0] == 0x0A or at[0] == 0x0D or at[0] == 0x09):
        at += 1
    return at


cdef inline const uint8_t* _string(
    const uint8_t* at, const uint8_t* end, Span* found
) noexcept nogil:
    """Read a plain string from its opening quote; NULL where it is none."""
    if at >= end or at[0] != 0x22:
        return NULL
    at += 1
    found.start = at
    while at < end and _IS_PLAIN[at[0]]:
        at += 1
    if at >= end or at[0] != 0x22:
        return NULL
    found.size = at - found.start
    return at + 1


cdef inline const uint8_t* _null(const uint8_t* at, const uint8_t* end) noexcept nogil:
    return at + 4 if end - at >= 4 and memcmp(at, b"null", 4) == 0 else NULL


cdef inline const uint8_t* _text(const uint8_t* at, const uint8_t* end, Span* found) noexcept nogil:
    """Read a plain string, or null."""
    if at < end and at[0] == 0x6E:
        found.start = NULL
        return _null(at, end)
    return _string(at, end, found)


cdef inline const uint8_t* _digits(
    const uint8_t* at, const uint8_t* end, int64_t* number, int limit
) noexcept nogil:
    """Read digits on to a number, at most `limit` of them; NULL where there is none, or more."""
    cdef const uint8_t* first = at
    while at < end and 0x30 <= at[0] <= 0x39:
        if at - first == limit:
            return NULL
        number[0] = number[0] * 10 + (at[0] - 0x30)
        at += 1
    return at if at > first else NULL


cdef inline const uint8_t* _whole(
    const uint8_t* at, const uint8_t* end, int64_t* number, int limit
) noexcept nogil:
    """Read a whole number as JSON has it, without a sign."""
    cdef const uint8_t* first = at
    number[0] = 0
    at = _digits(at, end, number, limit)
    if at != NULL and first[0] == 0x30 and at - first > 1:
        return NULL
    return at


cdef inline const uint8_t* _count(
    const uint8_t* at, const uint8_t* end, int64_t* number
) noexcept nogil:
    at = _whole(at, end, number, 10)
    return NULL if at == NULL or number[0] > _MAX_TOKENS else at


cdef inline const uint8_t* _number(
    const uint8_t* at, const uint8_t* end, double* number
) noexcept nogil:
    """Read a number that two exact doubles make by one division, which rounds as all readers do."""
    cdef int64_t digits
    cdef const uint8_t* point
    # 18 digits stay below 2**63; what is above 2**53 is told apart at the end.
    at = _whole(at, end, &digits, 18)
    if at == NULL:
        return NULL
    if at < end and at[0] == 0x2E:
        point = at
        # With six digits more it stays below 2**63 as well.
        if digits > _EXACT // 1000:
            return NULL
        at = _digits(at + 1, end, &digits, 6)
        if at == NULL or digits > _EXACT:
            return NULL
        number[0] = <double>digits / _POWERS[at - point - 1]
        return at
    if digits > _EXACT:
        return NULL
    number[0] = <double>digits
    return at


cdef Field _field(Span name) noexcept nogil:
    if name.size == 2:
        if memcmp(name.start, b"id", 2) == 0:
            return ID
        if memcmp(name.start, b"ts", 2) == 0:
            return TS
    elif name.size == 5:
        if memcmp(name.start, b"model", 5) == 0:
            return MODEL
    elif name.size == 13:
        if memcmp(name.start, b"prompt_tokens", 13) == 0:
            return PROMPT
    elif name.size == 17:
        if memcmp(name.start, b"completion_tokens", 17) == 0:
            return COMPLETION
    elif name.size == 8:
        if memcmp(name.start, b"language", 8) == 0:
            return LANGUAGE
    elif name.size == 6:
        if memcmp(name.start, b"tenant", 6) == 0:
            return TENANT
    return <Field>0


cdef bint _read(const uint8_t* at, const uint8_t* end, Plain* plain) noexcept nogil:
    """Read a value; False where it is not plain."""
    cdef Span text
    cdef Field field
    cdef int seen = 0
    plain.language.start = plain.tenant.start = NULL
    plain.has_ts = False
    at = _blank(at, end)
    if at >= end or at[0] != 0x7B:
        return False
    while True:
        at = _string(_blank(at + 1, end), end, &text)
        if at == NULL:
            return False
        field = _field(text)
        if field == 0 or seen & field:
            return False
        seen |= field
        at = _blank(at, end)
        if at >= end or at[0] != 0x3A:
            return False
        at = _blank(at + 1, end)
        if field == ID:
            at = _string(at, end, &text)
        elif field == TS:
            if at < end and at[0] == 0x6E:
                at = _null(at, end)
            else:
                plain.has_ts = True
                at = _number(at, end, &plain.ts)
        elif field == MODEL:
            at = _string(at, end, &plain.model)
            if at != NULL and (plain.model.size == 0 or plain.model.start[0] == 0x20):
                return False
        elif field == PROMPT:
            at = _count(at, end, &plain.prompt)
        elif field == COMPLETION:
            at = _count(at, end, &plain.completion)
        elif field == LANGUAGE:
            at = _text(at, end, &plain.language)
        else:
            at = _text(at, end, &plain.tenant)
        if at == NULL:
            return False
        at = _blank(at, end)
        if at >= end:
            return False
        if at[0] == 0x2C:
            continue
        if at[0] != 0x7D:
            return False
        break
    return _blank(at + 1, end) == end and seen & (MODEL | PROMPT | COMPLETION) == (
        MODEL | PROMPT | COMPLETION
    )


cdef double _seconds(double ts) noexcept nogil:
    """Return a time of any unit in seconds, as streams.event.event_time does; NaN for none."""
    if ts >= 1e20:
        return NAN
    if ts >= 1e17:
        ts = ts / 1e9
    elif ts >= 1e14:
        ts = ts / 1e6
    elif ts >= 1e11:
        ts = ts / 1e3
    return ts if ts >= _EARLIEST_TIME else NAN


# --- A batch -------------------------------------------------------------------------------------


cdef inline const uint8_t* _varint(
    const uint8_t* at, const uint8_t* end, int64_t* number
) noexcept nogil:
    """Read a zigzag varint of up to 64 bits; NULL where it is cut off or too long."""
    cdef uint64_t value = 0
    cdef int shift = 0
    while at < end and shift < 64:
        value |= <uint64_t>(at[0] & 0x7F) << shift
        if at[0] < 0x80:
            number[0] = <int64_t>(value >> 1) ^ -<int64_t>(value & 1)
            return at + 1
        at += 1
        shift += 7
    return NULL


def scan(
    const uint8_t[::1] data not None,
    Py_ssize_t start,
    Py_ssize_t records,
    int64_t base_offset,
    int64_t first_timestamp,
    int64_t append_time,
    int64_t asked,
    Py_ssize_t max_record_bytes,
    Names pairs not None,
    Names tenants not None,
    list columns not None,
    Py_ssize_t row,
):
    """Read the records of a batch: plain events into the columns from `row` on, the others out.

    `columns` are offsets, ts, prompt, completion, pair and tenant, as streams.reading.Rows has
    them. `data` holds the records uncompressed from `start` on; `append_time` is negative where each
    record has a timestamp of its own (milliseconds). Records before the offset `asked` are left
    out. `pairs` numbers model and language, `tenants` the tenants (-1: none). Times are in unix
    seconds, NaN where they cannot be read.

    Returns the row after the last one, and (offset, timestamp in ms, value) of the others. Raises
    ValueError where the batch is cut off or not as it says.
    """
    cdef const uint8_t* at
    cdef const uint8_t* limit
    cdef const uint8_t* end
    cdef int64_t[::1] offsets, prompt, completion, pair, tenant
    cdef double[::1] ts
    offsets, ts, prompt, completion, pair, tenant = columns
    cdef Py_ssize_t rows = min(
        offsets.shape[0], ts.shape[0], prompt.shape[0],
        completion.shape[0], pair.shape[0], tenant.shape[0],
    )
    cdef int64_t length, delta, timestamp, offset, size
    cdef Py_ssize_t record
    cdef Plain plain
    cdef list others = []
    if not 0 <= start <= data.shape[0] or row < 0 or rows - row < records:
        raise ValueError("the batch is not as it says")
    if records == 0:
        return row, others
    if start == data.shape[0]:
        raise ValueError("the batch is cut off")
    at = &data[start]
    limit = &data[0] + data.shape[0]
    for record in range(records):
        at = _varint(at, limit, &length)
        if at == NULL or length < 1 or length > limit - at:
            raise ValueError("the batch is cut off")
        end = at + length
        at = _varint(at + 1, end, &delta)
        if at == NULL:
            raise ValueError("the batch is cut off")
        timestamp = append_time if append_time >= 0 else first_timestamp + delta
        at = _varint(at, end, &delta)
        if at == NULL:
            raise ValueError("the batch is cut off")
        offset = base_offset + delta
        at = _varint(at, end, &size)
        if at == NULL or size > end - at:
            raise ValueError("the batch is cut off")
        if size > 0:
            at += size
        at = _varint(at, end, &size)
        if at == NULL or size > end - at:
            raise ValueError("the batch is cut off")
        if offset < asked:
            pass
        elif size >= 0 and size <= max_record_bytes and _read(at, at + size, &plain):
            offsets[row] = offset
            prompt[row] = plain.prompt
            completion[row] = plain.completion
            if plain.has_ts:
                ts[row] = _seconds(plain.ts)
            else:
                ts[row] = timestamp / 1000.0 if timestamp >= 0 else NAN
                if not ts[row] >= _EARLIEST_TIME:
                    ts[row] = NAN
            pair[row] = pairs.find(
                plain.model.start, plain.model.size, plain.language.start, plain.language.size
            )
            tenant[row] = (
                -1
                if plain.tenant.start == NULL
                else tenants.find(plain.tenant.start, plain.tenant.size, NULL, 0)
            )
            row += 1
        else:
            others.append(
                (
                    offset,
                    timestamp,
                    None if size < 0 else PyBytes_FromStringAndSize(<const char*>at, size),
                )
            )
        at = end
    return row, others
