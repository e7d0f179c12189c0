# A plain native event: one pass over a value that has no other fields than those of an event.
#
# A value is plain when it is one JSON object of only these fields, each at most once: `id` (a
# string), `ts` (a number without exponent that a double holds exactly, or null), `model` (a string
# that does not begin with a space), `prompt_tokens` and `completion_tokens` (whole numbers up to
# MAX_TOKENS), `cached_tokens` and `reasoning_tokens` (whole numbers that are a part of those),
# `cost` (see scan_money.pxi), `language`, `tenant` and `provider` (a string or null); and when its
# strings are printable ASCII without escapes.

cdef struct Event:
    # The event in a value. `start` is NULL where a text is absent or null.
    Span id
    Span model
    Span language
    Span tenant
    # The prompt as JSON, where its language has to be detected.
    Span messages
    int64_t prompt
    int64_t completion
    double ts
    bint has_ts
    # What is optional, -1 where it is not known; `place` is where the provider's endpoint is.
    int64_t cached
    int64_t reasoning
    int64_t cost
    Span provider
    Span place


cdef inline void _without_more(Event* event) noexcept nogil:
    event.cached = event.reasoning = event.cost = -1
    event.provider.start = event.place.start = NULL


cdef inline bint _are_parts(Event* event) noexcept nogil:
    """Return whether cached and reasoning tokens are parts of what they have to be parts of."""
    return event.cached <= event.prompt and event.reasoning <= event.completion


cdef enum Field:
    ID = 1
    TS = 2
    MODEL = 4
    PROMPT = 8
    COMPLETION = 16
    LANGUAGE = 32
    TENANT = 64
    CACHED = 128
    REASONING = 256
    COST = 512
    PROVIDER = 1024


cdef Field _field(Span name) noexcept nogil:
    if name.size == 2:
        if memcmp(name.start, b"id", 2) == 0:
            return ID
        if memcmp(name.start, b"ts", 2) == 0:
            return TS
    elif name.size == 5:
        if memcmp(name.start, b"model", 5) == 0:
            return MODEL
    elif name.size == 13:
        if memcmp(name.start, b"prompt_tokens", 13) == 0:
            return PROMPT
        if memcmp(name.start, b"cached_tokens", 13) == 0:
            return CACHED
    elif name.size == 17:
        if memcmp(name.start, b"completion_tokens", 17) == 0:
            return COMPLETION
    elif name.size == 8:
        if memcmp(name.start, b"language", 8) == 0:
            return LANGUAGE
        if memcmp(name.start, b"provider", 8) == 0:
            return PROVIDER
    elif name.size == 6:
        if memcmp(name.start, b"tenant", 6) == 0:
            return TENANT
    elif name.size == 4:
        if memcmp(name.start, b"cost", 4) == 0:
            return COST
    elif name.size == 16:
        if memcmp(name.start, b"reasoning_tokens", 16) == 0:
            return REASONING
    return <Field>0


cdef bint _read_plain(const uint8_t* at, const uint8_t* end, Event* event) noexcept nogil:
    """Read a value; return whether it is plain."""
    cdef Span text
    cdef Field field
    cdef int seen = 0
    event.language.start = event.tenant.start = NULL
    event.id.size = 0
    event.has_ts = False
    _without_more(event)
    at = _blank(at, end)
    if at >= end or at[0] != 0x7B:
        return False
    while True:
        at = _string(_blank(at + 1, end), end, &text)
        if at == NULL:
            return False
        field = _field(text)
        if field == 0 or seen & field:
            return False
        seen |= field
        at = _blank(at, end)
        if at >= end or at[0] != 0x3A:
            return False
        at = _blank(at + 1, end)
        if field == ID:
            at = _string(at, end, &event.id)
        elif field == TS:
            if at < end and at[0] == 0x6E:
                at = _null(at, end)
            else:
                event.has_ts = True
                at = _number(at, end, &event.ts)
        elif field == MODEL:
            at = _string(at, end, &event.model)
            if at != NULL and (event.model.size == 0 or event.model.start[0] == 0x20):
                return False
        elif field == PROMPT:
            at = _count(at, end, &event.prompt)
        elif field == COMPLETION:
            at = _count(at, end, &event.completion)
        elif field == LANGUAGE:
            at = _text(at, end, &event.language)
        elif field == TENANT:
            at = _text(at, end, &event.tenant)
        elif at < end and at[0] == 0x6E:
            at = _null(at, end)
        elif field == CACHED:
            at = _count(at, end, &event.cached)
        elif field == REASONING:
            at = _count(at, end, &event.reasoning)
        elif field == COST:
            at = _nano_dollars(at, end, &event.cost)
        else:
            at = _text(at, end, &event.provider)
        if at == NULL:
            return False
        at = _blank(at, end)
        if at >= end:
            return False
        if at[0] == 0x2C:
            continue
        if at[0] != 0x7D:
            return False
        break
    return (
        _blank(at + 1, end) == end
        and seen & (MODEL | PROMPT | COMPLETION) == (MODEL | PROMPT | COMPLETION)
        and (seen < CACHED or _are_parts(event))
    )


cdef double _seconds(double ts) noexcept nogil:
    """Return a time of any unit in seconds, NaN where it is invalid; as `event_time` in event.py does."""
    if ts >= 1e20:
        return NAN
    if ts >= 1e17:
        ts = ts / 1e9
    elif ts >= 1e14:
        ts = ts / 1e6
    elif ts >= 1e11:
        ts = ts / 1e3
    return ts if ts >= _EARLIEST_TIME else NAN
