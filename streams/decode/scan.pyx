# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Plain events, read straight from the bytes of a Kafka record batch into columns of numbers.

This is the hot loop: nearly all records of a gateway are plain, and here they become numbers
without a Python object each, at a tenth of what a record object, a decoded event and six columns
of Python objects cost. It knows nothing that is not written elsewhere: what a valid event is says
streams/decode/formats/native.py, how a record lies in a batch streams/kafka/record_batch.py. A
record that is not plain in the narrow sense below is not judged but handed out as it is, for that
slower code, and tests/decode/test_scan.py holds that both always agree.

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
from libc.string cimport memcmp, memcpy, memset

import os

from streams.decode.event import EARLIEST_TIME, MAX_TOKENS
from streams.decode.formats.markers import BEFORE_LITELLM, BEFORE_NATIVE

cdef extern from *:
    """
    #define IS_LITTLE_ENDIAN (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    """
    const bint IS_LITTLE_ENDIAN
    int __builtin_ctzll(unsigned long long word) noexcept nogil

cdef extern from "Python.h":
    double PyOS_string_to_double(const char* text, char** end, object overflow) except? -1.0

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
    Span id
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
    plain.id.size = 0
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
            at = _string(at, end, &plain.id)
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
    """Return a time of any unit in seconds, as streams.decode.event.event_time does; NaN for
    none."""
    if ts >= 1e20:
        return NAN
    if ts >= 1e17:
        ts = ts / 1e9
    elif ts >= 1e14:
        ts = ts / 1e6
    elif ts >= 1e11:
        ts = ts / 1e3
    return ts if ts >= _EARLIEST_TIME else NAN


# --- One value with fields that nobody needs -------------------------------------------------------

# What follows walks over any JSON value, as strictly as the decoders in Python do, and keeps where
# the few values lie that are needed. It gives up on what those judge one by one: numbers beyond what
# a double holds exactly, lone surrogates, names that are written with escapes.

# The deepest nesting that is walked over; prompts with tools reach about 12.
DEF _DEEPEST = 60

# Where the walk is: objects whose members are looked at.
cdef enum:
    TOP, METADATA, REQUESTER, SPEND, RESPONSE, HIDDEN, MODEL_MAP, PLACES

# What a member is for. Those from GUARD on are no values that are kept.
cdef enum:
    S_ID, S_REQUEST_ID, S_CALL_ID, S_CALL_TYPE, S_START, S_PROMPT, S_COMPLETION, S_CACHE_HIT
    S_MODEL, S_GROUP, S_TEAM_ID, S_USER, S_MESSAGES, S_TS, S_LANGUAGE, S_TENANT
    S_META_TEAM, S_META_TEAM_ALIAS, S_META_ORG, S_META_USER, S_META_ALIAS
    S_META_LANGUAGE, S_REQUESTER_LANGUAGE, S_SPEND_LANGUAGE
    S_RESPONSE_MODEL, S_HIDDEN_MODEL, S_MAP_MODEL
    SLOTS
    GUARD_LITELLM = 100
    GUARD_NATIVE = 101
    INTO = 200

cdef struct Member:
    int place
    int slot
    int next
    int size
    const char* name

cdef struct Walk:
    Span slots[SLOTS]
    bint entered[PLACES]
    bint has_native_guard

_MEMBERS = [
    *((TOP, GUARD_LITELLM, name) for name in BEFORE_LITELLM),
    *(
        (TOP, GUARD_NATIVE, name)
        for name in BEFORE_NATIVE
        if name != "call_type" and name not in BEFORE_LITELLM
    ),
    (TOP, S_ID, "id"),
    (TOP, S_REQUEST_ID, "request_id"),
    (TOP, S_CALL_ID, "litellm_call_id"),
    (TOP, S_CALL_TYPE, "call_type"),
    (TOP, S_START, "startTime"),
    (TOP, S_PROMPT, "prompt_tokens"),
    (TOP, S_COMPLETION, "completion_tokens"),
    (TOP, S_CACHE_HIT, "cache_hit"),
    (TOP, S_MODEL, "model"),
    (TOP, S_GROUP, "model_group"),
    (TOP, S_TEAM_ID, "team_id"),
    (TOP, S_USER, "user"),
    (TOP, S_MESSAGES, "messages"),
    (TOP, S_TS, "ts"),
    (TOP, S_LANGUAGE, "language"),
    (TOP, S_TENANT, "tenant"),
    (TOP, INTO + METADATA, "metadata"),
    (TOP, INTO + RESPONSE, "response"),
    (TOP, INTO + HIDDEN, "hidden_params"),
    (TOP, INTO + MODEL_MAP, "model_map_information"),
    (METADATA, S_META_TEAM, "user_api_key_team_id"),
    (METADATA, S_META_TEAM_ALIAS, "user_api_key_team_alias"),
    (METADATA, S_META_ORG, "user_api_key_org_id"),
    (METADATA, S_META_USER, "user_api_key_user_id"),
    (METADATA, S_META_ALIAS, "user_api_key_alias"),
    (METADATA, S_META_LANGUAGE, "language"),
    (METADATA, INTO + REQUESTER, "requester_metadata"),
    (METADATA, INTO + SPEND, "spend_logs_metadata"),
    (REQUESTER, S_REQUESTER_LANGUAGE, "language"),
    (SPEND, S_SPEND_LANGUAGE, "language"),
    (RESPONSE, S_RESPONSE_MODEL, "model"),
    (HIDDEN, S_HIDDEN_MODEL, "litellm_model_name"),
    (MODEL_MAP, S_MAP_MODEL, "model_map_key"),
]
# Their names stay where the table points to.
_KEPT_NAMES = [name.encode() for _, _, name in _MEMBERS]

cdef Member[128] _members
cdef int[256] _buckets


cdef inline int _bucket(int place, const uint8_t* name, Py_ssize_t size) noexcept nogil:
    return (place * 37 + size * 7 + name[0] + name[size - 1] * 3) & 255


def _fill_members():
    cdef int number
    cdef int bucket
    cdef bytes name
    for number in range(256):
        _buckets[number] = -1
    for number, (place, slot, _) in enumerate(_MEMBERS):
        name = _KEPT_NAMES[number]
        _members[number].place = place
        _members[number].slot = slot
        _members[number].size = len(name)
        _members[number].name = PyBytes_AS_STRING(name)
        bucket = _bucket(place, <const uint8_t*>PyBytes_AS_STRING(name), len(name))
        _members[number].next = _buckets[bucket]
        _buckets[bucket] = number


_fill_members()


cdef inline int _slot_of(int place, const uint8_t* name, Py_ssize_t size) noexcept nogil:
    """Return what a member is for, -1 for nothing."""
    cdef int number
    if size == 0:
        return -1
    number = _buckets[_bucket(place, name, size)]
    while number >= 0:
        if (
            _members[number].size == size
            and _members[number].place == place
            and memcmp(_members[number].name, name, size) == 0
        ):
            return _members[number].slot
        number = _members[number].next
    return -1


cdef inline int _hex(uint8_t byte) noexcept nogil:
    if 0x30 <= byte <= 0x39:
        return byte - 0x30
    byte |= 0x20
    return byte - 0x57 if 0x61 <= byte <= 0x66 else -1


cdef int _unicode(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return the code unit of four hex digits, -1 where they are none."""
    cdef int unit = 0
    cdef int digit, place
    if end - at < 4:
        return -1
    for place in range(4):
        digit = _hex(at[place])
        if digit < 0:
            return -1
        unit = unit * 16 + digit
    return unit


cdef const uint8_t* _over_string(
    const uint8_t* at, const uint8_t* end, bint* has_escapes
) noexcept nogil:
    """Walk over a string from behind its opening quote; NULL where it is not valid."""
    cdef uint64_t word, quote, slash, control
    cdef int unit
    cdef uint64_t ones = <uint64_t>0x0101010101010101
    cdef uint64_t highs = <uint64_t>0x8080808080808080
    while True:
        # Eight bytes at a time: a byte is zero after the XOR where it is the one looked for, and the
        # subtraction borrows there. The first byte that is marked is right, those behind may not be.
        while end - at >= 8:
            memcpy(&word, at, 8)
            quote = word ^ (ones * 0x22)
            slash = word ^ (ones * 0x5C)
            control = (
                ((quote - ones) & ~quote)
                | ((slash - ones) & ~slash)
                | ((word - ones * 0x20) & ~word)
            ) & highs
            if control:
                if IS_LITTLE_ENDIAN:
                    at += __builtin_ctzll(control) >> 3
                break
            at += 8
        while at < end and at[0] != 0x22 and at[0] != 0x5C and at[0] >= 0x20:
            at += 1
        if at >= end:
            return NULL
        if at[0] == 0x22:
            return at + 1
        if at[0] < 0x20:
            return NULL
        if at[0] != 0x5C:
            continue
        has_escapes[0] = True
        if end - at < 2:
            return NULL
        if at[1] != 0x75:
            if at[1] not in (0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74):
                return NULL
            at += 2
            continue
        unit = _unicode(at + 2, end)
        at += 6
        if unit < 0 or 0xDC00 <= unit <= 0xDFFF:
            return NULL
        if 0xD800 <= unit <= 0xDBFF:
            if end - at < 6 or at[0] != 0x5C or at[1] != 0x75:
                return NULL
            unit = _unicode(at + 2, end)
            if not 0xDC00 <= unit <= 0xDFFF:
                return NULL
            at += 6


cdef const uint8_t* _over_number(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Walk over a number without exponent, of at most 18 digits before the point."""
    cdef int64_t digits
    if at < end and at[0] == 0x2D:
        at += 1
    at = _whole(at, end, &digits, 18)
    if at != NULL and at < end and at[0] == 0x2E:
        digits = 0
        at += 1
        if at >= end or not 0x30 <= at[0] <= 0x39:
            return NULL
        while at < end and 0x30 <= at[0] <= 0x39:
            at += 1
    # Small costs are written with an exponent (1.2e-06): below one they are no trouble.
    if at != NULL and end - at >= 3 and (at[0] | 0x20) == 0x65 and at[1] == 0x2D:
        at = _digits(at + 2, end, &digits, 2)
    elif at != NULL and at < end and (at[0] | 0x20) == 0x65:
        return NULL
    return at


cdef const uint8_t* _over(
    const uint8_t* at, const uint8_t* end, int depth, int place, Walk* walk
) noexcept nogil:
    """Walk over a value; NULL where it is not valid, or to be judged by other code.

    `place` is where its members are looked at, if it is an object; negative for nowhere.
    """
    cdef const uint8_t* name
    cdef const uint8_t* value
    cdef Py_ssize_t size
    cdef bint has_escapes
    cdef int slot, inner
    if at >= end or depth > _DEEPEST:
        return NULL
    if at[0] == 0x22:
        return _over_string(at + 1, end, &has_escapes)
    if at[0] == 0x7B:
        at = _blank(at + 1, end)
        if at < end and at[0] == 0x7D:
            return at + 1
        while True:
            if at >= end or at[0] != 0x22:
                return NULL
            name = at + 1
            has_escapes = False
            at = _over_string(name, end, &has_escapes)
            if at == NULL:
                return NULL
            slot = inner = -1
            if place >= 0:
                if has_escapes:
                    return NULL
                size = at - 1 - name
                if place == TOP and size > 4 and memcmp(name, b"gen", 3) == 0:
                    return NULL
                slot = _slot_of(place, name, size)
                if slot == GUARD_LITELLM:
                    return NULL
                if slot == GUARD_NATIVE:
                    walk.has_native_guard = True
                elif slot >= INTO:
                    inner = slot - INTO
                    if walk.entered[inner]:
                        return NULL
                    walk.entered[inner] = True
            at = _blank(at, end)
            if at >= end or at[0] != 0x3A:
                return NULL
            value = _blank(at + 1, end)
            at = _over(value, end, depth + 1, inner, walk)
            if at == NULL:
                return NULL
            if inner == METADATA and value[0] == 0x22:
                # SpendLogs has it as JSON in a text.
                return NULL
            if 0 <= slot < SLOTS:
                if walk.slots[slot].start != NULL:
                    return NULL
                walk.slots[slot].start = value
                walk.slots[slot].size = at - value
            at = _blank(at, end)
            if at >= end:
                return NULL
            if at[0] == 0x7D:
                return at + 1
            if at[0] != 0x2C:
                return NULL
            at = _blank(at + 1, end)
    if at[0] == 0x5B:
        at = _blank(at + 1, end)
        if at < end and at[0] == 0x5D:
            return at + 1
        while True:
            at = _over(at, end, depth + 1, -1, walk)
            if at == NULL:
                return NULL
            at = _blank(at, end)
            if at >= end:
                return NULL
            if at[0] == 0x5D:
                return at + 1
            if at[0] != 0x2C:
                return NULL
            at = _blank(at + 1, end)
    if at[0] == 0x6E:
        return _null(at, end)
    if at[0] == 0x74:
        return at + 4 if end - at >= 4 and memcmp(at, b"true", 4) == 0 else NULL
    if at[0] == 0x66:
        return at + 5 if end - at >= 5 and memcmp(at, b"false", 5) == 0 else NULL
    return _over_number(at, end)


cdef bint _is_utf8(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Tell whether bytes are UTF-8 (RFC 3629)."""
    cdef uint64_t word
    cdef int more, place
    cdef uint8_t least, most
    while at < end:
        while end - at >= 8:
            memcpy(&word, at, 8)
            if word & <uint64_t>0x8080808080808080:
                break
            at += 8
        if at >= end:
            return True
        if at[0] < 0x80:
            at += 1
            continue
        least, most = 0x80, 0xBF
        if 0xC2 <= at[0] <= 0xDF:
            more = 1
        elif 0xE0 <= at[0] <= 0xEF:
            more = 2
            if at[0] == 0xE0:
                least = 0xA0
            elif at[0] == 0xED:
                most = 0x9F
        elif 0xF0 <= at[0] <= 0xF4:
            more = 3
            if at[0] == 0xF0:
                least = 0x90
            elif at[0] == 0xF4:
                most = 0x8F
        else:
            return False
        if end - at <= more or not least <= at[1] <= most:
            return False
        for place in range(2, more + 1):
            if not 0x80 <= at[place] <= 0xBF:
                return False
        at += more + 1
    return True


cdef enum Kept:
    ABSENT, TEXT, OTHER


cdef Kept _text_in(Span slot, Span* text) noexcept nogil:
    """Read a slot as a plain text; OTHER where other code has to say what it is."""
    text.start = NULL
    text.size = 0
    if slot.start == NULL or slot.start[0] == 0x6E:
        return ABSENT
    if _string(slot.start, slot.start + slot.size, text) != slot.start + slot.size:
        return OTHER
    if text.size == 0:
        text.start = NULL
        return ABSENT
    # What begins with a space may be nothing else; what is very long is cut.
    return OTHER if text.start[0] == 0x20 or text.size > 512 else TEXT


cdef bint _first_text(Walk* walk, const int* slots, int count, Span* text) noexcept nogil:
    """Read the first text of several slots; False where other code has to say what one is."""
    cdef int number
    cdef Kept kept
    for number in range(count):
        kept = _text_in(walk.slots[slots[number]], text)
        if kept == OTHER:
            return False
        if kept == TEXT:
            return True
    text.start = NULL
    return True


cdef bint _count_in(Span slot, int64_t* count) noexcept nogil:
    """Read a slot as a token count; False where it is none."""
    cdef const uint8_t* end = slot.start + slot.size
    return slot.start != NULL and _count(slot.start, end, count) == end


cdef bint _number_in(Span slot, double* number) except -1:
    """Read a slot as a number, rounded as everywhere; False where it is none."""
    cdef const uint8_t* end = slot.start + slot.size
    cdef char[48] text
    if slot.start == NULL or not 0x30 <= slot.start[0] <= 0x39:
        return False
    if _number(slot.start, end, number) == end:
        return True
    if slot.size >= 48:
        return False
    memcpy(text, slot.start, slot.size)
    text[slot.size] = 0
    number[0] = PyOS_string_to_double(text, NULL, None)
    return True


cdef int[3] _MODELS
_MODELS[0], _MODELS[1], _MODELS[2] = S_RESPONSE_MODEL, S_HIDDEN_MODEL, S_MAP_MODEL
cdef int[7] _TENANTS
_TENANTS[0], _TENANTS[1], _TENANTS[2] = S_TEAM_ID, S_META_TEAM, S_META_TEAM_ALIAS
_TENANTS[3], _TENANTS[4], _TENANTS[5], _TENANTS[6] = S_META_ORG, S_META_USER, S_META_ALIAS, S_USER
cdef int[3] _LANGUAGES
_LANGUAGES[0], _LANGUAGES[1] = S_META_LANGUAGE, S_REQUESTER_LANGUAGE
_LANGUAGES[2] = S_SPEND_LANGUAGE


cdef enum Wide:
    NOT_READ, NATIVE, LITELLM


cdef Wide _read_wide(
    const uint8_t* at, const uint8_t* end, Plain* plain, bint detects, bint with_ids
) except? NOT_READ:
    """Read an event of our own with more fields, or a payload of LiteLLM's (formats/litellm.py)."""
    cdef Walk walk
    cdef const uint8_t* last
    cdef Span alias, text
    cdef Kept kept
    cdef int number
    memset(&walk, 0, sizeof(Walk))
    at = _blank(at, end)
    if at >= end or at[0] != 0x7B:
        return NOT_READ
    last = _over(at, end, 0, TOP, &walk)
    if last == NULL or _blank(last, end) != end or not _is_utf8(at, end):
        return NOT_READ
    if not _count_in(walk.slots[S_PROMPT], &plain.prompt):
        return NOT_READ
    if not _count_in(walk.slots[S_COMPLETION], &plain.completion):
        return NOT_READ
    if _text_in(walk.slots[S_MODEL], &plain.model) != TEXT:
        return NOT_READ
    if with_ids:
        kept = _text_in(walk.slots[S_ID], &plain.id)
        if kept == OTHER:
            return NOT_READ
    else:
        plain.id.size = 0
    if walk.slots[S_CALL_TYPE].start == NULL or walk.slots[S_START].start == NULL:
        return _read_native(&walk, plain)
    # --- LiteLLM
    if plain.prompt == 0 and plain.completion == 0:
        return NOT_READ
    if with_ids and plain.id.size == 0:
        return NOT_READ
    if _text_in(walk.slots[S_CALL_TYPE], &text) != TEXT:
        return NOT_READ
    for number in range(text.size - 2):
        if memcmp(text.start + number, b"mcp", 3) == 0:
            return NOT_READ
    if walk.slots[S_CACHE_HIT].start != NULL and walk.slots[S_CACHE_HIT].start[0] not in (
        0x6E, 0x66,
    ):
        return NOT_READ
    if not _number_in(walk.slots[S_START], &plain.ts):
        return NOT_READ
    plain.has_ts = True
    if _text_in(walk.slots[S_GROUP], &alias) == OTHER:
        return NOT_READ
    for number in range(3):
        kept = _text_in(walk.slots[_MODELS[number]], &text)
        if kept == OTHER:
            return NOT_READ
        if kept == TEXT and not (
            text.size == alias.size and memcmp(text.start, alias.start, text.size) == 0
        ):
            plain.model = text
            break
    if not _first_text(&walk, _TENANTS, 7, &plain.tenant):
        return NOT_READ
    if not _first_text(&walk, _LANGUAGES, 3, &plain.language):
        return NOT_READ
    if (
        detects
        and plain.language.start == NULL
        and walk.slots[S_MESSAGES].start != NULL
        and walk.slots[S_MESSAGES].start[0] != 0x6E
    ):
        return NOT_READ
    return LITELLM


cdef Wide _read_native(Walk* walk, Plain* plain) noexcept:
    if walk.has_native_guard or walk.slots[S_CALL_TYPE].start != NULL:
        return NOT_READ
    # An empty one is none in both, and a language of white space is as good as none.
    if _text_in(walk.slots[S_LANGUAGE], &plain.language) == OTHER:
        return NOT_READ
    if _text_in(walk.slots[S_TENANT], &plain.tenant) == OTHER:
        return NOT_READ
    plain.has_ts = walk.slots[S_TS].start != NULL and walk.slots[S_TS].start[0] != 0x6E
    if plain.has_ts:
        if _number(
            walk.slots[S_TS].start, walk.slots[S_TS].start + walk.slots[S_TS].size, &plain.ts
        ) != walk.slots[S_TS].start + walk.slots[S_TS].size:
            return NOT_READ
    return NATIVE


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


cdef enum Damage:
    SOUND = 0
    CUT_OFF = 1
    OUT_OF_ORDER = 2


cdef inline int64_t _sum(int64_t number, int64_t delta) noexcept nogil:
    # Signed numbers that overflow are undefined in C.
    return <int64_t>(<uint64_t>number + <uint64_t>delta)


cdef uint64_t _ID_SEED = int.from_bytes(os.urandom(8), "little") | 1


cdef inline int64_t _id_hash(const uint8_t* text, Py_ssize_t size) noexcept nogil:
    cdef int64_t hashed = <int64_t>_hash(text, size, _ID_SEED)
    return hashed if hashed != 0 else 1


def hash_of(bytes text not None):
    """Return the hash of an id, never 0; another one in each process."""
    return _id_hash(<const uint8_t*>PyBytes_AS_STRING(text), len(text))


cdef bint _says(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Tell whether headers may say how the value is to be read: a CloudEvent, a content type."""
    cdef int64_t count, size
    at = _varint(at, end, &count)
    while at != NULL and count > 0:
        at = _varint(at, end, &size)
        if at == NULL or size < 0 or size > end - at:
            return True
        if size >= 3 and (at[0] | 0x20) == 0x63:
            if (at[1] | 0x20) == 0x65 and at[2] == 0x5F:
                return True
            if size == 12 and (at[1] | 0x20) == 0x6F and (at[8] | 0x20) == 0x74:
                return True
        at = _varint(at + size, end, &size)
        if at == NULL or size > end - at:
            return True
        if size > 0:
            at += size
        count -= 1
    return at == NULL


def scan(
    const uint8_t[::1] data not None,
    Py_ssize_t start,
    Py_ssize_t records,
    int64_t base_offset,
    int64_t first_timestamp,
    int64_t append_time,
    int64_t last_offset,
    int64_t after,
    bint dense,
    bint may_read,
    int64_t asked,
    Py_ssize_t max_record_bytes,
    Names pairs not None,
    Names tenants not None,
    list columns not None,
    int64_t[::1] formats not None,
    int64_t litellm,
    int64_t[::1] ids,
    bint detects,
    Py_ssize_t row,
):
    """Read the records of a batch: plain events into the columns from `row` on, the others out.

    `formats` is a column where `litellm` is noted for a payload of LiteLLM's. `ids` is one for the
    hashes of the events' ids (0: none), or None where they are not wanted. `detects` says that
    prompts without a declared language are for the code that tells it.

    Offsets of records are above `after`, ascend, and end at `last_offset`; where `dense` each is one
    above the last. Without `may_read` no value
    is looked into: all records are handed out.

    `columns` are offsets, ts, prompt, completion, pair and tenant, as streams.decode.reader.Rows
    has them. `data` holds the records uncompressed from `start` on; `append_time` is negative where
    each record has a timestamp of its own (milliseconds). Records before the offset `asked` are
    left out. `pairs` numbers model and language, `tenants` the tenants (-1: none). Times are in
    unix seconds, NaN where they cannot be read.

    Returns the row after the last one, (offset, timestamp in ms, key, value, headers as bytes) of the
    others, the offset of the last record that was read (`after` where none was), and what is wrong
    with the next one: 0 for nothing, 1 where it is cut off, 2 where its offset does not ascend.
    Raises ValueError where the arguments do not fit each other.
    """
    cdef const uint8_t* at
    cdef const uint8_t* limit
    cdef const uint8_t* end
    cdef const uint8_t* headers
    cdef int64_t[::1] offsets, prompt, completion, pair, tenant
    cdef double[::1] ts
    offsets, ts, prompt, completion, pair, tenant = columns
    cdef Py_ssize_t rows = min(
        offsets.shape[0], ts.shape[0], prompt.shape[0],
        completion.shape[0], pair.shape[0], tenant.shape[0],
    )
    rows = min(rows, formats.shape[0])
    if ids is not None:
        rows = min(rows, ids.shape[0])
    cdef int64_t length, delta, timestamp, offset, size, key_size
    cdef const uint8_t* key
    cdef Py_ssize_t record
    cdef Plain plain
    cdef Wide wide
    cdef list others = []
    if not 0 <= start <= data.shape[0] or row < 0 or rows - row < records:
        raise ValueError("the batch is not as it says")
    if records == 0:
        return row, others, after, SOUND
    if start == data.shape[0]:
        return row, others, after, CUT_OFF
    at = &data[start]
    limit = &data[0] + data.shape[0]
    for record in range(records):
        at = _varint(at, limit, &length)
        if at == NULL or length < 1 or length > limit - at:
            return row, others, after, CUT_OFF
        end = at + length
        at = _varint(at + 1, end, &delta)
        if at == NULL:
            return row, others, after, CUT_OFF
        timestamp = append_time if append_time >= 0 else _sum(first_timestamp, delta)
        at = _varint(at, end, &delta)
        if at == NULL:
            return row, others, after, CUT_OFF
        offset = _sum(base_offset, delta)
        if offset <= after or offset > last_offset or (dense and offset != after + 1):
            return row, others, after, OUT_OF_ORDER
        at = _varint(at, end, &key_size)
        if at == NULL or key_size > end - at:
            return row, others, after, CUT_OFF
        key = at
        if key_size > 0:
            at += key_size
        at = _varint(at, end, &size)
        if at == NULL or size > end - at:
            return row, others, after, CUT_OFF
        after = offset
        headers = at if size < 0 else at + size
        wide = NOT_READ
        if offset < asked:
            pass
        elif (
            may_read
            and size >= 0
            and size <= max_record_bytes
            and not _says(headers, end)
            and (
                _read(at, headers, &plain)
                or (wide := _read_wide(at, headers, &plain, detects, ids is not None)) != NOT_READ
            )
        ):
            if wide == LITELLM:
                formats[row] = litellm
            offsets[row] = offset
            prompt[row] = plain.prompt
            completion[row] = plain.completion
            if ids is not None:
                # Longer ones are cut everywhere.
                ids[row] = (
                    0 if plain.id.size == 0 else _id_hash(plain.id.start, min(plain.id.size, 512))
                )
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
                    None if key_size < 0 else PyBytes_FromStringAndSize(<const char*>key, key_size),
                    None if size < 0 else PyBytes_FromStringAndSize(<const char*>at, size),
                    PyBytes_FromStringAndSize(<const char*>headers, end - headers),
                )
            )
        at = end
    return row, others, after, SOUND
