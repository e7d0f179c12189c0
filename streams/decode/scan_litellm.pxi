# A payload of LiteLLM, as streams/decode/formats/litellm.py reads it.

# Slots by precedence: the model that answered, the tenant, the declared language.
cdef int[3] _MODELS
_MODELS[0], _MODELS[1], _MODELS[2] = S_RESPONSE_MODEL, S_HIDDEN_MODEL, S_MAP_MODEL
cdef int[7] _TENANTS
_TENANTS[0], _TENANTS[1], _TENANTS[2] = S_TEAM_ID, S_META_TEAM, S_META_TEAM_ALIAS
_TENANTS[3], _TENANTS[4], _TENANTS[5], _TENANTS[6] = S_META_ORG, S_META_USER, S_META_ALIAS, S_USER
cdef int[3] _LANGUAGES
_LANGUAGES[0], _LANGUAGES[1] = S_META_LANGUAGE, S_REQUESTER_LANGUAGE
_LANGUAGES[2] = S_SPEND_LANGUAGE
cdef int[4] _USAGES
_USAGES[0], _USAGES[1], _USAGES[2], _USAGES[3] = (
    S_META_USAGE, S_HIDDEN_USAGE, S_RESPONSE_USAGE, S_META_MORE_USAGE,
)


cdef bint _parts_in(Walk* walk, Event* event) noexcept nogil:
    """Read the parts of the counts, each from the first usage object that states it."""
    cdef int64_t cached, reasoning
    cdef int number
    for number in range(4):
        if event.cached >= 0 and event.reasoning >= 0:
            break
        if not _parts_of(walk.slots[_USAGES[number]], walk, &cached, &reasoning):
            return False
        if event.cached < 0:
            event.cached = cached
        if event.reasoning < 0:
            event.reasoning = reasoning
    # More than the whole is no part of it.
    if event.cached > event.prompt:
        event.cached = -1
    if event.reasoning > event.completion:
        event.reasoning = -1
    return True


cdef Text _failed(Span status) noexcept nogil:
    """Return PRESENT where a status is that of a failure."""
    cdef Span text
    cdef Text found = _text_in(status, &text)
    if found == PRESENT and not (text.size == 7 and memcmp(text.start, b"failure", 7) == 0):
        return ABSENT
    return found


cdef bint _price_of(Walk* walk, int64_t* nano) noexcept nogil:
    """Read the price; a zero is none where it stands for a price that is not known."""
    cdef Text failed
    cdef Span why
    cdef Span price = walk.slots[S_PRICE]
    cdef Py_ssize_t place
    if not _price_in(price, nano):
        return False
    if nano[0] != 0:
        return True
    for place in range(price.size):
        # A price that is rounded to nothing is known; an exponent may have digits of its own.
        if 0x31 <= price.start[place] <= 0x39:
            return False
    failed = _failed(walk.slots[S_STATUS])
    if failed == ABSENT:
        failed = _failed(walk.slots[S_META_STATUS])
    if failed != ABSENT:
        nano[0] = -1
        return failed == PRESENT
    why = walk.slots[S_NO_PRICE if _is_something(walk.slots[S_NO_PRICE]) else S_ZERO]
    if _is_something(why):
        nano[0] = -1
        return why.start[0] == 0x7B and _first_member(why) != why.start + why.size
    # Without it a row of SpendLogs is judged by its metadata.
    if walk.slots[S_HIDDEN_PRICE].start == NULL:
        return False
    if not _is_something(walk.slots[S_HIDDEN_PRICE]):
        nano[0] = -1
    return True


cdef Format _read_litellm(Walk* walk, Event* event, bint with_ids) except? NOT_READ:
    """Read the fields beside tokens, model and id, which the event has already."""
    cdef Span alias, text
    cdef Text found
    cdef int number
    if event.prompt == 0 and event.completion == 0:
        return NOT_READ
    # Without a price the tokens of a request that failed are an estimate.
    if walk.guards & HAS_SPEND:
        return NOT_READ
    if with_ids and event.id.size == 0:
        return NOT_READ
    if _text_in(walk.slots[S_CALL_TYPE], &text) != PRESENT:
        return NOT_READ
    for number in range(text.size - 2):
        # A tool's call, a batch, and a response that is read again.
        if (text.start[number] == 0x6D and memcmp(text.start + number, b"mcp", 3) == 0) or (
            text.start[number] == 0x62 and memcmp(text.start + number, b"bat", 3) == 0
        ) or (text.start[number] == 0x5F and memcmp(text.start + number, b"_re", 3) == 0):
            return NOT_READ
    if walk.slots[S_CACHE_HIT].start != NULL and walk.slots[S_CACHE_HIT].start[0] not in (
        0x6E, 0x66,
    ):
        return NOT_READ
    if not _number_in(walk.slots[S_START], &event.ts):
        return NOT_READ
    event.has_ts = True
    if _text_in(walk.slots[S_GROUP], &alias) == UNCLEAR:
        return NOT_READ
    for number in range(3):
        found = _text_in(walk.slots[_MODELS[number]], &text)
        if found == UNCLEAR:
            return NOT_READ
        if found == PRESENT and not (
            text.size == alias.size and memcmp(text.start, alias.start, text.size) == 0
        ):
            event.model = text
            break
    # It may be Bedrock's, and name no model.
    for number in range(event.model.size - 3):
        if event.model.start[number + 3] == 0x3A and (
            memcmp(event.model.start + number, b"arn:", 4) == 0
        ):
            return NOT_READ
    if not _first_text(walk, _TENANTS, 7, &event.tenant):
        return NOT_READ
    if not _first_text(walk, _LANGUAGES, 3, &event.language):
        return NOT_READ
    if not (
        _parts_in(walk, event) and _price_of(walk, &event.cost) and _served_in(walk, event)
    ):
        return NOT_READ
    if event.language.start == NULL and (
        walk.slots[S_MESSAGES].start != NULL and walk.slots[S_MESSAGES].start[0] != 0x6E
    ):
        event.messages = walk.slots[S_MESSAGES]
    return LITELLM
