# The parts of tokens in a usage object, as streams/decode/formats/provider_details.py reads them.
#
# Whatever takes an order of precedence between names is left to Python: two names for one part, and
# the passes of Anthropic's.

cdef const uint8_t* _first_member(Span object) noexcept nogil:
    """Return where the members of a valid object begin: at its end where it has none."""
    cdef const uint8_t* end = object.start + object.size
    cdef const uint8_t* at = _blank(object.start + 1, end)
    return end if at < end and at[0] == 0x7D else at


cdef const uint8_t* _member(
    const uint8_t* at, const uint8_t* end, int place, int* slot, Span* value
) noexcept nogil:
    """Read a member of an object that ends at `end`; return where the next one is, or `end`."""
    cdef const uint8_t* name = at + 1
    cdef bint has_escapes = False
    if at >= end or at[0] != 0x22:
        return NULL
    at = _over_string(name, end, &has_escapes)
    if at == NULL or has_escapes:
        return NULL
    slot[0] = _slot_of(place, name, at - 1 - name)
    at = _blank(at, end)
    if at >= end or at[0] != 0x3A:
        return NULL
    value.start = _blank(at + 1, end)
    at = _over(value.start, end, 0, -1, NULL)
    if at == NULL:
        return NULL
    value.size = at - value.start
    at = _blank(at, end)
    if at >= end:
        return NULL
    return _blank(at + 1, end) if at[0] == 0x2C else end


cdef bint _members_in(Span object, int place, Span* found) noexcept nogil:
    """Find the members of an object by their purpose; return False where two have the same one."""
    cdef const uint8_t* at
    cdef const uint8_t* end
    cdef Span value
    cdef int slot
    memset(found, 0, USAGE_SLOTS * sizeof(Span))
    if object.start == NULL or object.start[0] != 0x7B:
        return True
    end = object.start + object.size
    at = _first_member(object)
    while at != end:
        at = _member(at, end, place, &slot, &value)
        if at == NULL:
            return False
        if slot >= 0:
            if found[slot].start != NULL:
                return False
            found[slot] = value
    return True


cdef bint _stated(Span details, int place, int slot, Span beside, int64_t* count) noexcept nogil:
    """Read a part inside details or, where that is none or zero, beside them."""
    cdef Span[USAGE_SLOTS] inside
    cdef int64_t more
    if not _members_in(details, place, inside):
        return False
    if not _part_in(inside[slot], _MAX_TOKENS, count):
        return False
    if count[0] > 0:
        return True
    if not _part_in(beside, _MAX_TOKENS, &more):
        return False
    if more > 0 or count[0] < 0:
        count[0] = more
    return True


cdef bint _parts_of(Span usage, int64_t* cached, int64_t* reasoning) noexcept nogil:
    """Read the parts in a usage object, -1 where it states none; False where Python has to judge."""
    cdef Span[USAGE_SLOTS] found
    if not _members_in(usage, USAGE, found):
        return False
    if found[U_PASSES].start != NULL and found[U_PASSES].start[0] == 0x5B:
        return False
    return _stated(found[U_INPUTS], INPUTS, U_CACHED, found[U_CACHED], cached) and _stated(
        found[U_OUTPUTS], OUTPUTS, U_REASONING, found[U_REASONING], reasoning
    )
