# The last message of a prompt of LiteLLM's, where that is a user's text: nearly always it decides.
#
# Whatever is not plain is left to streams/decode/prompt_language.py, which reads all messages.

cdef enum:
    # Bytes of the longest text that is handed out by itself.
    MAX_TEXT = 65536
    # Bytes of an escape.
    ESCAPE = 6

cdef bytes _KEPT_NOTICE = REDACTED.encode()
cdef const char* _NOTICE = PyBytes_AS_STRING(_KEPT_NOTICE)
cdef Py_ssize_t _NOTICE_SIZE = len(_KEPT_NOTICE)


cdef struct Message:
    # `start` is NULL where a member is missing; they are JSON.
    Span role
    Span content
    bint has_type


cdef bint _is_notice(Span content) noexcept nogil:
    """Return whether a content is the notice of a text that is not logged."""
    cdef const uint8_t* at
    cdef const uint8_t* end
    cdef Py_ssize_t number
    if content.start == NULL or content.start[0] != 0x22:
        return False
    at = content.start + 1
    end = content.start + content.size - 1
    for number in range(_NOTICE_SIZE):
        if at >= end:
            return False
        if at[0] == 0x5C:
            if at[1] != 0x75 or _unicode(at + 2, end) != _NOTICE[number]:
                return False
            at += ESCAPE
        elif at[0] != <uint8_t>_NOTICE[number]:
            return False
        else:
            at += 1
    return at == end


cdef const uint8_t* _over_message(
    const uint8_t* at, const uint8_t* end, Walk* walk, Message* message
) noexcept nogil:
    """Walk over an object that is a message; NULL where a member is written oddly, or twice."""
    cdef const uint8_t* name
    cdef const uint8_t* value
    cdef Py_ssize_t size
    cdef bint has_escapes = False
    memset(message, 0, sizeof(Message))
    at = _blank(at + 1, end)
    if at < end and at[0] == 0x7D:
        return at + 1
    while True:
        if at >= end or at[0] != 0x22:
            return NULL
        name = at + 1
        at = _over_string(name, end, &has_escapes)
        if at == NULL or has_escapes:
            return NULL
        size = at - 1 - name
        at = _blank(at, end)
        if at >= end or at[0] != 0x3A:
            return NULL
        value = _blank(at + 1, end)
        at = _over(value, end, 2, -1, walk, 0)
        if at == NULL:
            return NULL
        if size == 7 and memcmp(name, b"content", 7) == 0:
            if message.content.start != NULL:
                return NULL
            message.content.start = value
            message.content.size = at - value
        elif size == 4 and memcmp(name, b"role", 4) == 0:
            if message.role.start != NULL:
                return NULL
            message.role.start = value
            message.role.size = at - value
        elif size == 4 and memcmp(name, b"type", 4) == 0:
            message.has_type = True
        at = _blank(at, end)
        if at >= end:
            return NULL
        if at[0] == 0x7D:
            return at + 1
        if at[0] != 0x2C:
            return NULL
        at = _blank(at + 1, end)


cdef Span _last_text(Span messages, Opening* openings) noexcept nogil:
    """Return the content of the last message where that is a user's text; else `start` is NULL."""
    cdef const uint8_t* at = messages.start
    cdef const uint8_t* end = at + messages.size
    cdef Message message
    cdef Walk walk
    cdef Span none
    # Of a value that is no object of the table of fields, the rest is not looked at.
    walk.openings, walk.edge = openings, end
    none.start = NULL
    none.size = 0
    if at[0] != 0x5B:
        return none
    while True:
        at = _blank(at + 1, end)
        memset(&message, 0, sizeof(Message))
        if at < end and at[0] == 0x7B:
            at = _over_message(at, end, &walk, &message)
        else:
            at = _over(at, end, 1, -1, &walk, 0)
        if at == NULL or _is_notice(message.content):
            return none
        at = _blank(at, end)
        if at >= end or at[0] != 0x2C:
            break
    if (
        message.has_type
        or message.role.size != 6
        or memcmp(message.role.start, b'"user"', 6) != 0
        or message.content.start == NULL
        or message.content.start[0] != 0x22
        or message.content.size > MAX_TEXT
    ):
        return none
    return message.content


cdef str _decoded(Span content):
    """Return the text that is written as a valid JSON string."""
    cdef const uint8_t* at = content.start + 1
    cdef const uint8_t* end = at + content.size - 2
    cdef const uint8_t* escape
    cdef uint8_t* text
    cdef uint8_t* to
    cdef int unit
    if memchr(at, 0x5C, end - at) == NULL:
        return PyUnicode_DecodeUTF8(<const char*>at, end - at, NULL)
    text = to = <uint8_t*>malloc(end - at)
    if text == NULL:
        raise MemoryError
    try:
        while at < end:
            escape = <const uint8_t*>memchr(at, 0x5C, end - at)
            if escape == NULL:
                escape = end
            memcpy(to, at, escape - at)
            to += escape - at
            at = escape
            # Escapes come in rows where letters are written so.
            while at < end and at[0] == 0x5C:
                if at[1] != 0x75:
                    to[0] = _unescaped(at[1])
                    to += 1
                    at += 2
                    continue
                unit = _unicode(at + 2, end)
                at += ESCAPE
                if 0xD800 <= unit <= 0xDBFF:
                    unit = 0x10000 + ((unit - 0xD800) << 10) + _unicode(at + 2, end) - 0xDC00
                    at += ESCAPE
                to += _put(to, unit)
        return PyUnicode_DecodeUTF8(<const char*>text, to - text, NULL)
    finally:
        free(text)


cdef inline uint8_t _unescaped(uint8_t letter) noexcept nogil:
    """Return the character of an escape of one letter."""
    if letter == 0x6E:
        return 0x0A
    if letter == 0x74:
        return 0x09
    if letter == 0x72:
        return 0x0D
    if letter == 0x62:
        return 0x08
    return 0x0C if letter == 0x66 else letter


cdef inline Py_ssize_t _put(uint8_t* to, int code) noexcept nogil:
    """Write a character as UTF-8; return its bytes, fewer than those of its escape."""
    if code < 0x80:
        to[0] = code
        return 1
    if code < 0x800:
        to[0] = 0xC0 | code >> 6
        to[1] = 0x80 | code & 0x3F
        return 2
    if code < 0x10000:
        to[0] = 0xE0 | code >> 12
        to[1] = 0x80 | code >> 6 & 0x3F
        to[2] = 0x80 | code & 0x3F
        return 3
    to[0] = 0xF0 | code >> 18
    to[1] = 0x80 | code >> 12 & 0x3F
    to[2] = 0x80 | code >> 6 & 0x3F
    to[3] = 0x80 | code & 0x3F
    return 4
