# A plain native event: one pass over a value that has no other fields than those of an event.
#
# A value is plain when it is one JSON object of only these fields, each at most once: `id` (a
# string), `ts` (a number without exponent that a double holds exactly, or null), `model` (a string
# that does not begin with a space), `prompt_tokens` and `completion_tokens` (whole numbers up to
# MAX_TOKENS), `language` and `tenant` (a string or null); and when its strings are printable ASCII
# without escapes.

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


cdef enum Field:
    ID = 1
    TS = 2
    MODEL = 4
    PROMPT = 8
    COMPLETION = 16
    LANGUAGE = 32
    TENANT = 64


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
    elif name.size == 17:
        if memcmp(name.start, b"completion_tokens", 17) == 0:
            return COMPLETION
    elif name.size == 8:
        if memcmp(name.start, b"language", 8) == 0:
            return LANGUAGE
    elif name.size == 6:
        if memcmp(name.start, b"tenant", 6) == 0:
            return TENANT
    return <Field>0


cdef bint _read_plain(const uint8_t* at, const uint8_t* end, Event* event) noexcept nogil:
    """Read a value; return whether it is plain."""
    cdef Span text
    cdef Field field
    cdef int seen = 0
    event.language.start = event.tenant.start = NULL
    event.id.size = 0
    event.has_ts = False
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
        else:
            at = _text(at, end, &event.tenant)
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
    return _blank(at + 1, end) == end and seen & (MODEL | PROMPT | COMPLETION) == (
        MODEL | PROMPT | COMPLETION
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
