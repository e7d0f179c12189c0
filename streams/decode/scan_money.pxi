# A price in US dollars as whole nano-dollars, exactly as streams/decode/money.py reads it.

cdef enum:
    # Texts of up to 15 digits come back from a double as they were; of longer ones only what is clear.
    ROUND_TRIP_DIGITS = 15
    # $10,000 in nano-dollars: up to here a double's error is far below a thousandth of one.
    CLEAR_NANO = 10_000_000_000_000


cdef const uint8_t* _nano_dollars(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge, int64_t* nano
) noexcept nogil:
    """Read a price, rounded half to even; NULL where Python has to judge it."""
    cdef int64_t digits = 0
    cdef int64_t exponent = 0
    cdef int64_t rest, half
    cdef const uint8_t* first = at
    cdef const uint8_t* point
    cdef int length, power = 9
    cdef bint is_below = False
    at = _whole(at, end, edge, &digits, 7)
    if at == NULL:
        return NULL
    length = at - first
    if at < end and at[0] == 0x2E:
        point = at
        if digits == 0:
            # Zeros say only how small the price is.
            while at + 2 < end and at[1] == 0x30 and 0x30 <= at[2] <= 0x39:
                at += 1
            power -= at - point
            if power < -200:
                return NULL
            point = at
            length = 0
        # Seven digits and eleven are below 2**63, and so are 18.
        at = _digits(at + 1, end, edge, &digits, 18 if digits == 0 else 11 if length > 1 else 17)
        if at == NULL:
            return NULL
        length += at - point - 1
        power -= at - point - 1
    if at < end and (at[0] | 0x20) == 0x65:
        at += 1
        if at < end and (at[0] == 0x2D or at[0] == 0x2B):
            is_below = at[0] == 0x2D
            at += 1
        at = _digits(at, end, edge, &exponent, 3)
        if at == NULL:
            return NULL
        power += -<int>exponent if is_below else <int>exponent
    if digits == 0:
        nano[0] = 0
        return at
    if power >= 0:
        # Whole dollars and more: no price of a request is near the limit.
        if power > 18 or digits > CLEAR_NANO // _TENS[power]:
            return NULL
        nano[0] = digits * _TENS[power]
        return at
    power = -power
    if power > 18:
        # 18 digits at most: below a tenth of a nano-dollar from the 20th place on.
        if power == 19:
            return NULL
        nano[0] = 0
        return at
    nano[0] = digits // _TENS[power]
    rest = digits % _TENS[power]
    half = _TENS[power] // 2
    if length > ROUND_TRIP_DIGITS and (
        nano[0] > CLEAR_NANO or (rest - half if rest > half else half - rest) <= half // 500
    ):
        return NULL
    if rest > half or (rest == half and nano[0] & 1):
        nano[0] += 1
    return at
