# JSON tokens in their plain form: blanks, strings without escapes, null, whole and decimal numbers.
#
# Each function reads one token from `at` and returns the position after it, or NULL where the bytes
# are not such a token. No byte at `end` or beyond counts. Those below `edge` are in memory, so that
# they may be looked at, several at once; it is at `end` or behind it.

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

cdef int64_t[19] _TENS
_TENS[0] = 1
for _byte in range(1, 19):
    _TENS[_byte] = _TENS[_byte - 1] * 10


cdef struct Span:
    const uint8_t* start
    Py_ssize_t size


cdef inline const uint8_t* _blank(const uint8_t* at, const uint8_t* end) noexcept nogil:
    while at < end and at[0] <= 0x20 and (
        at[0] == 0x20 or at[0] == 0x0A or at[0] == 0x0D or at[0] == 0x09
    ):
        at += 1
    return at


cdef inline const uint8_t* _string(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge, Span* found
) noexcept nogil:
    """Read a plain string from its opening quote."""
    cdef uint32_t odd
    if at >= end or at[0] != 0x22:
        return NULL
    at += 1
    found.start = at
    while edge - at >= 32:
        odd = odd_in_32(at)
        if odd:
            at += __builtin_ctz(odd)
            break
        at += 32
    else:
        while at < end and _IS_PLAIN[at[0]]:
            at += 1
    if at >= end or at[0] != 0x22:
        return NULL
    found.size = at - found.start
    return at + 1


cdef inline const uint8_t* _null(const uint8_t* at, const uint8_t* end) noexcept nogil:
    return at + 4 if end - at >= 4 and memcmp(at, b"null", 4) == 0 else NULL


cdef inline const uint8_t* _text(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge, Span* found
) noexcept nogil:
    """Read a plain string, or null."""
    if at < end and at[0] == 0x6E:
        found.start = NULL
        return _null(at, end)
    return _string(at, end, edge, found)


cdef inline int64_t _eight_digits(uint64_t digits) noexcept nogil:
    """Return the number of eight digits, the first one lowest: by pairs, by fours, by eights."""
    digits = digits * 10 + (digits >> 8)
    return (
        (digits & <uint64_t>0x000000FF000000FF) * <uint64_t>(100 + (1_000_000 << 32))
        + (digits >> 16 & <uint64_t>0x000000FF000000FF) * <uint64_t>(1 + (10_000 << 32))
    ) >> 32


cdef inline int64_t _value_of(const uint8_t* at, int count) noexcept nogil:
    """Return the number of 1 to 15 digits; sixteen bytes are in memory."""
    cdef uint64_t first, second
    memcpy(&first, at, 8)
    # What follows the digits may borrow from what follows it, and is shifted out.
    first -= <uint64_t>0x3030303030303030
    if count <= 8:
        return _eight_digits(first << (64 - 8 * count))
    memcpy(&second, at + 8, 8)
    second -= <uint64_t>0x3030303030303030
    return _eight_digits(first) * _TENS[count - 8] + _eight_digits(second << (128 - 8 * count))


cdef inline const uint8_t* _digits(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge, int64_t* number, int limit
) noexcept nogil:
    """Append digits to a number; NULL where there are none, or more than `limit`."""
    cdef const uint8_t* first = at
    cdef int count
    if IS_LITTLE_ENDIAN and edge - at >= 16:
        count = digits_in_16(at)
        if count < 16:
            if count > end - at:
                count = end - at
            if count <= 0 or count > limit:
                return NULL
            number[0] = number[0] * _TENS[count] + _value_of(at, count)
            return at + count
    while at < end and 0x30 <= at[0] <= 0x39:
        if at - first == limit:
            return NULL
        number[0] = number[0] * 10 + (at[0] - 0x30)
        at += 1
    return at if at > first else NULL


cdef inline const uint8_t* _whole(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge, int64_t* number, int limit
) noexcept nogil:
    """Read an unsigned integer."""
    cdef const uint8_t* first = at
    number[0] = 0
    at = _digits(at, end, edge, number, limit)
    if at != NULL and first[0] == 0x30 and at - first > 1:
        return NULL
    return at


cdef inline const uint8_t* _count(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge, int64_t* number
) noexcept nogil:
    """Read a token count."""
    at = _whole(at, end, edge, number, 10)
    return NULL if at == NULL or number[0] > _MAX_TOKENS else at


cdef inline const uint8_t* _number(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge, double* number
) noexcept nogil:
    """Read a decimal number that one division of two exact doubles yields, correctly rounded."""
    cdef int64_t digits
    cdef const uint8_t* point
    # 18 digits stay below 2**63; numbers above 2**53 are refused at the end.
    at = _whole(at, end, edge, &digits, 18)
    if at == NULL:
        return NULL
    if at < end and at[0] == 0x2E:
        point = at
        # With six more digits it still stays below 2**63.
        if digits > _EXACT // 1000:
            return NULL
        at = _digits(at + 1, end, edge, &digits, 6)
        if at == NULL or digits > _EXACT:
            return NULL
        number[0] = <double>digits / _POWERS[at - point - 1]
        return at
    if digits > _EXACT:
        return NULL
    number[0] = <double>digits
    return at
