# A walk over any JSON value, as strict as the decoders in Python, that keeps where wanted fields are.
#
# It returns NULL for what those decoders judge one by one: numbers that a double does not hold
# exactly, lone surrogates, names that are written with escapes.

# The deepest nesting that is walked over; prompts with tools reach about 12.
cdef enum:
    MAX_DEPTH = 60

# The values of hex digits, negative for other bytes.
cdef int[256] _HEX
for _byte in range(256):
    _HEX[_byte] = int(chr(_byte), 16) if chr(_byte) in "0123456789abcdefABCDEF" else -1


cdef inline int _unicode(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return the code unit of four hex digits, negative for other bytes."""
    if end - at < 4:
        return -1
    return _HEX[at[0]] * 4096 | _HEX[at[1]] * 256 | _HEX[at[2]] * 16 | _HEX[at[3]]


cdef inline const uint8_t* _over_escape(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Walk over an escape, or two that are a pair of surrogates."""
    cdef int unit
    if end - at < 2:
        return NULL
    if at[1] != 0x75:
        return at + 2 if at[1] in (0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74) else NULL
    unit = _unicode(at + 2, end)
    at += 6
    if unit < 0xD800:
        return NULL if unit < 0 else at
    if unit <= 0xDBFF:
        if end - at < 6 or at[0] != 0x5C or at[1] != 0x75:
            return NULL
        unit = _unicode(at + 2, end)
        return at + 6 if 0xDC00 <= unit <= 0xDFFF else NULL
    return at if unit > 0xDFFF else NULL


cdef const uint8_t* _over_rest(
    const uint8_t* at, const uint8_t* end, bint* has_escapes
) noexcept nogil:
    """Walk over the rest of a string, from any place between its characters."""
    cdef uint32_t ends
    while True:
        while end - at >= 32:
            ends = ends_in_32(at)
            if ends:
                at += __builtin_ctz(ends)
                break
            at += 32
        else:
            while at < end and at[0] != 0x22 and at[0] != 0x5C and at[0] >= 0x20:
                at += 1
            if at >= end:
                return NULL
        if at[0] == 0x22:
            return at + 1
        if at[0] < 0x20:
            return NULL
        has_escapes[0] = True
        # They come in rows where letters are written so.
        while at < end and at[0] == 0x5C:
            at = _over_escape(at, end)
            if at == NULL:
                return NULL


cdef inline const uint8_t* _over_string(
    const uint8_t* at, const uint8_t* end, bint* has_escapes
) noexcept nogil:
    """Walk over a string from after its opening quote; NULL where it is not valid."""
    cdef uint32_t ends
    if end - at >= 32:
        ends = ends_in_32(at)
        if ends == 0:
            at += 32
        else:
            at += __builtin_ctz(ends)
            if at[0] == 0x22:
                return at + 1
    return _over_rest(at, end, has_escapes)


cdef inline const uint8_t* _over_digits(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge
) noexcept nogil:
    cdef int count
    while edge - at >= 16:
        count = digits_in_16(at)
        at += count
        if count < 16:
            return at if at < end else end
    while at < end and 0x30 <= at[0] <= 0x39:
        at += 1
    return at


cdef inline const uint8_t* _over_number(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge
) noexcept nogil:
    """Walk over a number without exponent, of at most 18 digits before the point."""
    cdef const uint8_t* first
    cdef int64_t digits = 0
    if at < end and at[0] == 0x2D:
        at += 1
    first = at
    at = _over_digits(at, end, edge)
    if not 0 < at - first <= 18 or (first[0] == 0x30 and at - first > 1):
        return NULL
    if at < end and at[0] == 0x2E:
        first = at + 1
        at = _over_digits(first, end, edge)
        if at == first:
            return NULL
    if at >= end or (at[0] | 0x20) != 0x65:
        return at
    # Small costs are written with a negative exponent (1.2e-06), which cannot overflow.
    if end - at < 3 or at[1] != 0x2D:
        return NULL
    return _digits(at + 2, end, end, &digits, 2)


cdef const uint8_t* _read_name(
    const uint8_t* at, const uint8_t* end, int place, Walk* walk, int* number, int* slot
) noexcept nogil:
    cdef const uint8_t* first = at
    cdef const uint8_t* name
    cdef Py_ssize_t size
    cdef bint has_escapes = False
    at = _blank(at + 1, end)
    if at >= end or at[0] != 0x22:
        return NULL
    name = at + 1
    at = _over_string(name, end, &has_escapes)
    if at == NULL:
        return NULL
    slot[0] = -1
    if place >= 0:
        if has_escapes:
            return NULL
        size = at - 1 - name
        if place == TOP and size > 4 and memcmp(name, b"gen", 3) == 0:
            return NULL
        slot[0] = _slot_of(place, name, size)
        if slot[0] == GUARD_LITELLM:
            return NULL
    at = _blank(at, end)
    if at >= end or at[0] != 0x3A:
        return NULL
    at = _blank(at + 1, end)
    number[0] = _learnt(walk.openings, first, at - first, walk.edge, place, slot[0])
    return at


cdef inline const uint8_t* _over_name(
    const uint8_t* at, const uint8_t* end, int place, Walk* walk, int* number, int* slot
) noexcept nogil:
    """Walk from the brace or comma before a name to its value; NULL as `_over` does.

    `number` is that of the expected opening, and becomes that of the one that is there.
    """
    cdef const Opening* opening = &walk.openings[number[0]]
    if likely(_is_next(at, walk.edge, opening, place)):
        slot[0] = opening.slot
        return _blank(at + opening.size, end)
    return _read_name(at, end, place, walk, number, slot)


cdef const uint8_t* _over_object(
    const uint8_t* at, const uint8_t* end, int depth, int place, Walk* walk, int parent
) noexcept nogil:
    """Walk over an object from its opening brace."""
    cdef int* expected = &walk.openings[parent].inside
    cdef const uint8_t* value
    cdef bint has_escapes
    cdef int number, slot, inner
    value = _blank(at + 1, end)
    if value < end and value[0] == 0x7D:
        return value + 1
    if depth == MAX_DEPTH:
        return NULL
    while True:
        number = expected[0]
        value = _over_name(at, end, place, walk, &number, &slot)
        if value == NULL:
            return NULL
        expected[0] = number
        inner = -1
        if slot >= SLOTS:
            if slot == GUARD_NATIVE:
                walk.guards |= HAS_NATIVE_GUARD
            elif slot == GUARD_SPEND:
                walk.guards |= HAS_SPEND
            else:
                inner = slot - INTO
                if walk.entered[inner]:
                    return NULL
                walk.entered[inner] = True
        if value >= end:
            return NULL
        if value[0] == 0x22:
            if inner == METADATA:
                # SpendLogs writes it as JSON in a string.
                return NULL
            at = _over_string(value + 1, end, &has_escapes)
        else:
            at = _over(value, end, depth + 1, inner, walk, number)
        if at == NULL:
            return NULL
        if 0 <= slot < SLOTS:
            if walk.slots[slot].start != NULL:
                return NULL
            walk.slots[slot].start = value
            walk.slots[slot].size = at - value
        at = _blank(at, end)
        if at >= end:
            return NULL
        if at[0] != 0x2C:
            return at + 1 if at[0] == 0x7D else NULL
        expected = &walk.openings[number].following


cdef const uint8_t* _over_array(
    const uint8_t* at, const uint8_t* end, int depth, Walk* walk, int parent
) noexcept nogil:
    """Walk over an array from its opening bracket."""
    at = _blank(at + 1, end)
    if at < end and at[0] == 0x5D:
        return at + 1
    while True:
        at = _over(at, end, depth + 1, -1, walk, parent)
        if at == NULL:
            return NULL
        at = _blank(at, end)
        if at >= end:
            return NULL
        if at[0] != 0x2C:
            return at + 1 if at[0] == 0x5D else NULL
        at = _blank(at + 1, end)


cdef const uint8_t* _over(
    const uint8_t* at, const uint8_t* end, int depth, int place, Walk* walk, int parent
) noexcept nogil:
    """Walk over a value; NULL where it is not valid, or left to the decoders in Python.

    `place` is the object that it is in the table of fields, negative for none of those; `parent` is
    the number of the opening before it.
    """
    cdef bint has_escapes
    if at >= end or depth > MAX_DEPTH:
        return NULL
    if at[0] == 0x22:
        return _over_string(at + 1, end, &has_escapes)
    if at[0] == 0x7B:
        return _over_object(at, end, depth, place, walk, parent)
    if at[0] == 0x5B:
        return _over_array(at, end, depth, walk, parent)
    if at[0] == 0x6E:
        return _null(at, end)
    if at[0] == 0x74:
        return at + 4 if end - at >= 4 and memcmp(at, b"true", 4) == 0 else NULL
    if at[0] == 0x66:
        return at + 5 if end - at >= 5 and memcmp(at, b"false", 5) == 0 else NULL
    return _over_number(at, end, walk.edge)


cdef bint _is_utf8(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return whether bytes are UTF-8 (RFC 3629)."""
    cdef uint64_t word
    cdef int more, place
    cdef uint8_t lowest, highest
    while at < end:
        while end - at >= 64 and is_ascii_64(at):
            at += 64
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
