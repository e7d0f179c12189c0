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


# Names of fields as compact JSON has them, with quotes and colon, in as many bytes as are compared at
# once. Number 0 is the beginning of a value.
cdef enum:
    NAMES = 12
    WIDTH = 32

cdef struct Name:
    uint8_t[WIDTH] text
    Py_ssize_t size
    Field field

cdef Name[NAMES] _names


def _fill_names():
    cdef int number
    cdef bytes token
    fields = {
        b"id": ID, b"ts": TS, b"model": MODEL, b"prompt_tokens": PROMPT,
        b"completion_tokens": COMPLETION, b"language": LANGUAGE, b"tenant": TENANT,
        b"cached_tokens": CACHED, b"reasoning_tokens": REASONING, b"cost": COST,
        b"provider": PROVIDER,
    }
    for number, (name, field) in enumerate(fields.items(), 1):
        token = b'"' + name + b'":'
        _names[number].size, _names[number].field = len(token), field
        memcpy(_names[number].text, PyBytes_AS_STRING(token.ljust(WIDTH, b"\0")), WIDTH)


_fill_names()


cdef inline bint _begins(const uint8_t* at, const Name* name) noexcept nogil:
    """Return whether `WIDTH` bytes begin with a name. The one of number 0 begins nothing."""
    return name.size and is_like_32(at, name.text, mask_of(name.size))


cdef int _number_of(Span text) noexcept nogil:
    """Return the number of a field's name, 0 for another one."""
    cdef int number
    for number in range(1, NAMES):
        if (
            _names[number].size == text.size + 3
            and memcmp(_names[number].text + 1, text.start, text.size) == 0
        ):
            return number
    return 0


cdef bint _read_plain(
    const uint8_t* at, const uint8_t* end, const uint8_t* edge, Event* event, int* after
) noexcept nogil:
    """Read a value; return whether it is plain.

    `after` is the name that followed each one in the value before, by number.
    """
    cdef Span text
    cdef Field field
    cdef int seen = 0
    cdef int last = 0
    cdef int number
    event.language.start = event.tenant.start = NULL
    event.id.size = 0
    event.has_ts = False
    _without_more(event)
    at = _blank(at, end)
    if at >= end or at[0] != 0x7B:
        return False
    while True:
        at = _blank(at + 1, end)
        number = after[last]
        if edge - at >= WIDTH and likely(_begins(at, &_names[number])):
            at = _blank(at + _names[number].size, end)
        else:
            at = _string(at, end, edge, &text)
            if at == NULL:
                return False
            number = _number_of(text)
            at = _blank(at, end)
            if number == 0 or at >= end or at[0] != 0x3A:
                return False
            at = _blank(at + 1, end)
            after[last] = number
        last = number
        field = _names[number].field
        if seen & field:
            return False
        seen |= field
        if field == ID:
            at = _string(at, end, edge, &event.id)
        elif field == TS:
            if at < end and at[0] == 0x6E:
                at = _null(at, end)
            else:
                event.has_ts = True
                at = _number(at, end, edge, &event.ts)
        elif field == MODEL:
            at = _string(at, end, edge, &event.model)
            if at != NULL and (event.model.size == 0 or event.model.start[0] == 0x20):
                return False
        elif field == PROMPT:
            at = _count(at, end, edge, &event.prompt)
        elif field == COMPLETION:
            at = _count(at, end, edge, &event.completion)
        elif field == LANGUAGE:
            at = _text(at, end, edge, &event.language)
        elif field == TENANT:
            at = _text(at, end, edge, &event.tenant)
        elif at < end and at[0] == 0x6E:
            at = _null(at, end)
        elif field == CACHED:
            at = _count(at, end, edge, &event.cached)
        elif field == REASONING:
            at = _count(at, end, edge, &event.reasoning)
        elif field == COST:
            at = _nano_dollars(at, end, edge, &event.cost)
        else:
            at = _text(at, end, edge, &event.provider)
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
