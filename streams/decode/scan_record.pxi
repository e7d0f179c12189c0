# How a record lies in a batch: varints, offsets, headers (streams/kafka/record_batch.py in C).

cdef inline const uint8_t* _varint(
    const uint8_t* at, const uint8_t* end, int64_t* number
) noexcept nogil:
    """Read a zigzag varint of up to 64 bits; NULL where it is cut off or longer."""
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


cdef inline bytes _bytes(const uint8_t* at, Py_ssize_t size):
    return PyBytes_FromStringAndSize(<const char*>at, size)


cdef enum Damage:
    SOUND = 0
    CUT_OFF = 1
    OUT_OF_ORDER = 2


cdef inline int64_t _sum(int64_t number, int64_t delta) noexcept nogil:
    # Overflow of signed numbers is undefined in C.
    return <int64_t>(<uint64_t>number + <uint64_t>delta)


cdef bint _may_change_format(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return whether headers may decide how the value is read: a CloudEvent, a content type."""
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
