# The parts of tokens in a usage object, as streams/decode/formats/provider_details.py reads them.
#
# Whatever takes an order of precedence between names is left to Python: two names for one part, and
# the passes of Anthropic's.

cdef const uint8_t* _first_member(Span object) noexcept nogil:
    """Return where the members of a valid object begin: at its end where it has none."""
    cdef const uint8_t* end = object.start + object.size
    cdef const uint8_t* at = _blank(object.start + 1, end)
    return end if at < end and at[0] == 0x7D else at


cdef bint _members_in(Span object, int place, Walk* walk, Span* found) noexcept nogil:
    """Find the members of an object by their purpose; return False where two have the same one."""
    cdef int* expected = &walk.openings[place].inside
    cdef const uint8_t* at = object.start
    cdef const uint8_t* end
    cdef const uint8_t* value
    cdef int number, slot
    memset(found, 0, USAGE_SLOTS * sizeof(Span))
    if at == NULL or at[0] != 0x7B:
        return True
    end = at + object.size
    if _first_member(object) == end:
        return True
    while True:
        number = expected[0]
        value = _over_name(at, end, place, walk, &number, &slot)
        if value == NULL:
            return False
        expected[0] = number
        at = _over(value, end, 0, -1, walk, number)
        if at == NULL:
            return False
        if slot >= 0:
            if found[slot].start != NULL:
                return False
            found[slot].start = value
            found[slot].size = at - value
        at = _blank(at, end)
        # It has been walked over before: only a comma or its brace is here.
        if at >= end or at[0] != 0x2C:
            return True
        expected = &walk.openings[number].following


cdef bint _stated(
    Span details, int place, int slot, Span beside, Walk* walk, int64_t* count
) noexcept nogil:
    """Read a part inside details or, where that is none or zero, beside them."""
    cdef Span[USAGE_SLOTS] inside
    cdef int64_t more
    if not _members_in(details, place, walk, inside):
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


cdef bint _parts_of(
    Span usage, Walk* walk, int64_t* cached, int64_t* reasoning
) noexcept nogil:
    """Read the parts in a usage object, -1 where it states none; False where Python has to judge."""
    cdef Span[USAGE_SLOTS] found
    if not _members_in(usage, USAGE, walk, found):
        return False
    if found[U_PASSES].start != NULL and found[U_PASSES].start[0] == 0x5B:
        return False
    return _stated(found[U_INPUTS], INPUTS, U_CACHED, found[U_CACHED], walk, cached) and _stated(
        found[U_OUTPUTS], OUTPUTS, U_REASONING, found[U_REASONING], walk, reasoning
    )
