# JSON tokens in their plain form: blanks, strings without escapes, null, whole and decimal numbers.
#
# Each function reads one token from `at` and returns the position after it, or NULL where the bytes
# are not such a token. No byte at `end` or beyond is read.

# Every integer up to here is a double.
cdef int64_t _EXACT = 1 << 53


# The bytes that a plain string may contain: printable ASCII without quote and backslash.
cdef uint8_t[256] _IS_PLAIN
cdef int _byte
for _byte in range(256):
    _IS_PLAIN[_byte] = 0x20 <= _byte < 0x7F and _byte not in b'"\\'

cdef double[16] _POWERS
for _byte in range(16):
    _POWERS[_byte] = 10.0 ** _byte


cdef struct Span:
    const uint8_t* start
    Py_ssize_t size


cdef inline const uint8_t* _blank(const uint8_t* at, const uint8_t* end) noexcept nogil:
    while at < end and (at[0] == 0x20 or at[0] == 0x0A or at[0] == 0x0D or at[0] == 0x09):
        at += 1
    return at


cdef inline const uint8_t* _string(
    const uint8_t* at, const uint8_t* end, Span* found
) noexcept nogil:
    """Read a plain string from its opening quote."""
    cdef uint64_t[2] ends
    if at >= end or at[0] != 0x22:
        return NULL
    at += 1
    found.start = at
    while IS_LITTLE_ENDIAN and end - at >= 16:
        unprintable_bytes(at, ends)
        if ends[0]:
            at += __builtin_ctzll(ends[0]) >> 3
            break
        if ends[1]:
            at += 8 + (__builtin_ctzll(ends[1]) >> 3)
            break
        at += 16
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
    """Append digits to a number; NULL where there are none, or more than `limit`."""
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
    """Read an unsigned integer."""
    cdef const uint8_t* first = at
    number[0] = 0
    at = _digits(at, end, number, limit)
    if at != NULL and first[0] == 0x30 and at - first > 1:
        return NULL
    return at


cdef inline const uint8_t* _count(
    const uint8_t* at, const uint8_t* end, int64_t* number
) noexcept nogil:
    """Read a token count."""
    at = _whole(at, end, number, 10)
    return NULL if at == NULL or number[0] > _MAX_TOKENS else at


cdef inline const uint8_t* _number(
    const uint8_t* at, const uint8_t* end, double* number
) noexcept nogil:
    """Read a decimal number that one division of two exact doubles yields, correctly rounded."""
    cdef int64_t digits
    cdef const uint8_t* point
    # 18 digits stay below 2**63; numbers above 2**53 are refused at the end.
    at = _whole(at, end, &digits, 18)
    if at == NULL:
        return NULL
    if at < end and at[0] == 0x2E:
        point = at
        # With six more digits it still stays below 2**63.
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
