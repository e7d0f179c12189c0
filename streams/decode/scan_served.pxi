# Who served a request, and where, as streams/decode/formats/litellm.py reads it from a payload.
#
# A name and a host are read only where streams/decode/served_by.py keeps them as they are: so the
# number of distinct texts stays that of names and hosts, whatever else is in the URLs.

cdef inline bint _is_lower(uint8_t byte) noexcept nogil:
    return 0x61 <= byte <= 0x7A


cdef inline bint _is_digit(uint8_t byte) noexcept nogil:
    return 0x30 <= byte <= 0x39


cdef bint _is_name(Span name) noexcept nogil:
    """Return whether a plain text is a name as it is: no URL, not too long, without blanks around."""
    cdef int number
    if name.size > _MAX_PART or name.start[name.size - 1] == 0x20:
        return False
    for number in range(name.size):
        if name.start[number] == 0x3A:
            return False
    return True


cdef bint _host_in(Span place, Span* host) noexcept nogil:
    """Find the host in a plain text: a URL, a host alone, or a region; False where it is unclear."""
    cdef const uint8_t* at = place.start
    cdef const uint8_t* end = at + place.size
    cdef bint is_url = False
    if place.size >= 7 and memcmp(at, b"http", 4) == 0:
        at += 5 if at[4] == 0x73 else 4
        is_url = end - at >= 3 and memcmp(at, b"://", 3) == 0
        at = at + 3 if is_url else place.start
    host.start = at
    while at < end and (_is_lower(at[0]) or _is_digit(at[0]) or at[0] in (0x2D, 0x2E, 0x5F)):
        at += 1
    host.size = at - host.start
    if host.size > _MAX_PART:
        return False
    if is_url and at < end and at[0] == 0x3A:
        at += 1
        while at < end and _is_digit(at[0]):
            at += 1
    return at == end or (is_url and at[0] in (0x2F, 0x3F, 0x23))


cdef bint _is_region(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return whether a text is a region of AWS: two letters, one to three words, a number."""
    cdef const uint8_t* first
    cdef int words = 0
    if end - at < 6 or not (_is_lower(at[0]) and _is_lower(at[1])):
        return False
    at += 2
    while at < end and at[0] == 0x2D:
        at += 1
        first = at
        while at < end and _is_lower(at[0]):
            at += 1
        if at > first:
            words += 1
            continue
        while at < end and _is_digit(at[0]):
            at += 1
        return at == end and 1 <= at - first <= 2 and 1 <= words <= 3
    return False


cdef bint _region_of(Span name, Span* region) noexcept nogil:
    """Find a region in the name of a model, between slashes or colons."""
    cdef const uint8_t* end = name.start + name.size
    cdef const uint8_t* first = name.start
    cdef const uint8_t* at = first
    while True:
        if at == end or at[0] == 0x2F or at[0] == 0x3A:
            if _is_region(first, at):
                region.start = first
                region.size = at - first
                return True
            if at == end:
                return False
            first = at + 1
        at += 1


cdef int[2] _BASES
_BASES[0], _BASES[1] = S_BASE, S_HIDDEN_BASE
cdef int[3] _REGIONAL
_REGIONAL[0], _REGIONAL[1], _REGIONAL[2] = S_HIDDEN_MODEL, S_MODEL, S_MAP_MODEL


cdef inline bint _is_something(Span slot) noexcept nogil:
    return slot.start != NULL and slot.start[0] != 0x6E


cdef inline bint _may_be_regional(Span name) noexcept nogil:
    """Return whether a region surely says where the requests of a provider are served."""
    return name.start == NULL or (name.size >= 7 and memcmp(name.start, b"bedrock", 7) == 0)


cdef bint _place_in(Walk* walk, Span name, Span* place) noexcept nogil:
    """Find where a request was served, `start` is NULL where nothing says it.

    Return False where Python has to judge it: a region counts only of clouds.
    """
    cdef Span text
    cdef Text found
    cdef int number
    if not _first_text(walk, _BASES, 2, place):
        return False
    if place.start != NULL:
        return True
    # SpendLogs has them in the metadata.
    if _is_something(walk.slots[S_META_BREAKDOWN]) or _is_something(walk.slots[S_META_MAP]):
        return False
    found = _text_in(walk.slots[S_LOCATION], place)
    if found != ABSENT:
        return found == PRESENT and _may_be_regional(name)
    for number in range(3):
        found = _text_in(walk.slots[_REGIONAL[number]], &text)
        if found == UNCLEAR:
            return False
        if found == PRESENT and _region_of(text, place):
            return _may_be_regional(name)
    return True


cdef bint _served_in(Walk* walk, Event* event) noexcept nogil:
    """Read who served, and where; return False where Python has to judge it."""
    cdef Span name, behind, place, host
    cdef Text found
    if _text_in(walk.slots[S_LLM_PROVIDER], &name) == UNCLEAR:
        return False
    if name.size == 10 and memcmp(name.start, b"openrouter", 10) == 0:
        # Without a model in it, the answer may be JSON in a string.
        if walk.slots[S_RESPONSE_MODEL].start == NULL:
            return False
        found = _text_in(walk.slots[S_RESPONSE_PROVIDER], &behind)
        if found == PRESENT:
            event.provider = behind
            return _is_name(behind)
        if found == UNCLEAR:
            return False
    if name.size > 0 and not _is_name(name):
        return False
    if not _place_in(walk, name, &place):
        return False
    event.provider = name
    if place.start == NULL:
        return True
    if not _host_in(place, &host):
        return False
    if host.size > 0:
        event.place = host
        if name.size == 0:
            event.provider.start = host.start
    return True
