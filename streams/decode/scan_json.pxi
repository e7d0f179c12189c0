# A walk over any JSON value, as strict as the decoders in Python, that keeps where wanted fields are.
#
# It returns NULL for what those decoders judge one by one: numbers that a double does not hold
# exactly, lone surrogates, names that are written with escapes.

# The deepest nesting that is walked over; prompts with tools reach about 12.
cdef enum:
    MAX_DEPTH = 60

cdef inline int _hex(uint8_t byte) noexcept nogil:
    if 0x30 <= byte <= 0x39:
        return byte - 0x30
    byte |= 0x20
    return byte - 0x57 if 0x61 <= byte <= 0x66 else -1


cdef int _unicode(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return the code unit of four hex digits, -1 for other bytes."""
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
    """Walk over a string from after its opening quote; NULL where it is not valid."""
    cdef uint64_t[2] found
    cdef int unit
    while True:
        while end - at >= 16:
            special_bytes(at, found)
            if found[0] | found[1]:
                if IS_LITTLE_ENDIAN:
                    at += (
                        __builtin_ctzll(found[0]) >> 3
                        if found[0]
                        else 8 + (__builtin_ctzll(found[1]) >> 3)
                    )
                break
            at += 16
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
    # Small costs are written with a negative exponent (1.2e-06), which cannot overflow.
    if at != NULL and end - at >= 3 and (at[0] | 0x20) == 0x65 and at[1] == 0x2D:
        at = _digits(at + 2, end, &digits, 2)
    elif at != NULL and at < end and (at[0] | 0x20) == 0x65:
        return NULL
    return at


cdef const uint8_t* _over(
    const uint8_t* at, const uint8_t* end, int depth, int place, Walk* walk
) noexcept nogil:
    """Walk over a value; NULL where it is not valid, or left to the decoders in Python.

    `place` is the object that it is in the table of fields, negative for none of those.
    """
    cdef const uint8_t* name
    cdef const uint8_t* value
    cdef Py_ssize_t size
    cdef bint has_escapes
    cdef int slot, inner
    if at >= end or depth > MAX_DEPTH:
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
                    walk.guards |= HAS_NATIVE_GUARD
                elif slot == GUARD_SPEND:
                    walk.guards |= HAS_SPEND
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
                # SpendLogs writes it as JSON in a string.
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
    """Return whether bytes are UTF-8 (RFC 3629)."""
    cdef uint64_t word
    cdef int more, place
    cdef uint8_t lowest, highest
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
        lowest, highest = 0x80, 0xBF
        if 0xC2 <= at[0] <= 0xDF:
            more = 1
        elif 0xE0 <= at[0] <= 0xEF:
            more = 2
            if at[0] == 0xE0:
                lowest = 0xA0
            elif at[0] == 0xED:
                highest = 0x9F
        elif 0xF0 <= at[0] <= 0xF4:
            more = 3
            if at[0] == 0xF0:
                lowest = 0x90
            elif at[0] == 0xF4:
                highest = 0x8F
        else:
            return False
        if end - at <= more or not lowest <= at[1] <= highest:
            return False
        for place in range(2, more + 1):
            if not 0x80 <= at[place] <= 0xBF:
                return False
        at += more + 1
    return True
