# An event with other fields beside it: the values that a walk has found, read and judged.
#
# A native event with more fields is read here, a payload of LiteLLM by scan_litellm.pxi. Whatever is
# not clear at once is left to the decoders in Python: NOT_READ, UNCLEAR.

cdef enum Format:
    NOT_READ, NATIVE, LITELLM


cdef enum Text:
    ABSENT, PRESENT, UNCLEAR


cdef Text _text_in(Span slot, Span* text) noexcept nogil:
    """Read a slot as a plain text; an empty one is absent."""
    cdef const uint8_t* end = slot.start + slot.size
    text.start = NULL
    text.size = 0
    if slot.start == NULL or slot.start[0] == 0x6E:
        return ABSENT
    if _string(slot.start, end, end, text) != end:
        return UNCLEAR
    if text.size == 0:
        text.start = NULL
        return ABSENT
    # A text that begins with a space may be blank; a long one is truncated.
    return UNCLEAR if text.start[0] == 0x20 or text.size > _MAX_CHARACTERS else PRESENT


cdef bint _first_text(Walk* walk, const int* slots, int count, Span* text) noexcept nogil:
    """Read the first text in several slots; return False where one is unclear."""
    cdef int number
    cdef Text found
    for number in range(count):
        found = _text_in(walk.slots[slots[number]], text)
        if found == UNCLEAR:
            return False
        if found == PRESENT:
            return True
    text.start = NULL
    return True


cdef bint _count_in(Span slot, int64_t* count) noexcept nogil:
    """Read a slot as a token count; return whether it is one."""
    cdef const uint8_t* end = slot.start + slot.size
    return slot.start != NULL and _count(slot.start, end, end, count) == end


cdef bint _number_in(Span slot, double* number) except -1:
    """Read a slot as a number, correctly rounded; return whether it is one."""
    cdef const uint8_t* end = slot.start + slot.size
    cdef char[48] text
    if slot.start == NULL or not 0x30 <= slot.start[0] <= 0x39:
        return False
    if _number(slot.start, end, end, number) == end:
        return True
    if slot.size >= 48:
        return False
    memcpy(text, slot.start, slot.size)
    text[slot.size] = 0
    number[0] = PyOS_string_to_double(text, NULL, None)
    return True


cdef Format _read_payload(
    const uint8_t* at,
    const uint8_t* end,
    const uint8_t* edge,
    Event* event,
    Opening* openings,
    bint litellm,
    bint with_ids,
) except? NOT_READ:
    """Read a native event with other fields or, where `litellm`, a payload of LiteLLM."""
    cdef Walk walk
    cdef const uint8_t* last
    memset(&walk, 0, sizeof(Walk))
    at = _blank(at, end)
    if at >= end or at[0] != 0x7B:
        return NOT_READ
    walk.openings, walk.edge = openings, edge
    last = _over(at, end, 0, TOP, &walk, 0)
    if last == NULL or _blank(last, end) != end or not _is_utf8(at, end):
        return NOT_READ
    if not _count_in(walk.slots[S_PROMPT], &event.prompt):
        return NOT_READ
    if not _count_in(walk.slots[S_COMPLETION], &event.completion):
        return NOT_READ
    if _text_in(walk.slots[S_MODEL], &event.model) != PRESENT:
        return NOT_READ
    event.id.size = 0
    _without_more(event)
    if with_ids and _text_in(walk.slots[S_ID], &event.id) == UNCLEAR:
        return NOT_READ
    if walk.slots[S_CALL_TYPE].start == NULL or walk.slots[S_START].start == NULL:
        return _read_native(&walk, event)
    if not litellm:
        return NOT_READ
    return _read_litellm(&walk, event, with_ids)


cdef bint _part_in(Span slot, int64_t whole, int64_t* part) noexcept nogil:
    """Read a slot as an optional part of tokens; return False where Python has to judge it."""
    part[0] = -1
    if slot.start == NULL or slot.start[0] == 0x6E:
        return True
    return _count_in(slot, part) and part[0] <= whole


cdef bint _price_in(Span slot, int64_t* nano) noexcept nogil:
    """Read a slot as an optional price; return False where Python has to judge it."""
    cdef const uint8_t* end = slot.start + slot.size
    nano[0] = -1
    if slot.start == NULL or slot.start[0] == 0x6E:
        return True
    return _nano_dollars(slot.start, end, end, nano) == end


cdef bint _has_time(Span slot, double* ts) noexcept nogil:
    """Read a slot as a number that is exact at once; return whether it is one."""
    cdef const uint8_t* end = slot.start + slot.size
    return _number(slot.start, end, end, ts) == end


cdef Format _read_native(Walk* walk, Event* event) noexcept:
    cdef Span time = walk.slots[S_TS]
    cdef bint is_own
    cdef int number
    if walk.guards & HAS_NATIVE_GUARD or walk.slots[S_CALL_TYPE].start != NULL:
        return NOT_READ
    # A flat record's time, where it is no payload of LiteLLM.
    if walk.slots[S_START].start != NULL:
        return NOT_READ
    # What LiteLLM's payload has as well, a flat record may have.
    if walk.guards & HAS_SPEND or (
        walk.slots[S_PRICE].start != NULL
        or walk.slots[S_LLM_PROVIDER].start != NULL
        or walk.slots[S_BASE].start != NULL
    ):
        return NOT_READ
    # An empty language or tenant is none here and in Python; a blank language counts as none.
    if _text_in(walk.slots[S_LANGUAGE], &event.language) == UNCLEAR:
        return NOT_READ
    if _text_in(walk.slots[S_TENANT], &event.tenant) == UNCLEAR:
        return NOT_READ
    if not (
        _part_in(walk.slots[S_CACHED], event.prompt, &event.cached)
        and _part_in(walk.slots[S_REASONING], event.completion, &event.reasoning)
        and _price_in(walk.slots[S_COST], &event.cost)
    ):
        return NOT_READ
    if _text_in(walk.slots[S_PROVIDER], &event.provider) == UNCLEAR:
        return NOT_READ
    is_own = event.has_ts = time.start != NULL and time.start[0] != 0x6E
    # Flat records have it under other names.
    for number in range(SLOTS - S_TIMES):
        if event.has_ts:
            break
        time = walk.slots[S_TIMES + number]
        event.has_ts = time.start != NULL and time.start[0] != 0x6E
    if event.has_ts and (
        not _has_time(time, &event.ts)
        or not (is_own or _seconds(event.ts) >= _EARLIEST_TIME)
    ):
        return NOT_READ
    return NATIVE
