# The fields that are looked at in any payload: a table from (object, name) to the field's purpose.

# The objects whose members are looked at; from USAGE on they are walked over alone (scan_usage.pxi).
cdef enum:
    TOP, METADATA, REQUESTER, SPEND, RESPONSE, HIDDEN, MODEL_MAP, BREAKDOWN, PLACES
    USAGE = PLACES
    INPUTS, OUTPUTS

# What a member is for: its slot. A guard marks a payload of a format that another reader decides on,
# and a price marks a row of SpendLogs, which Python judges by it; INTO + an object leads into that object.
cdef enum:
    S_ID, S_REQUEST_ID, S_CALL_ID, S_CALL_TYPE, S_START, S_PROMPT, S_COMPLETION, S_CACHE_HIT
    S_MODEL, S_GROUP, S_TEAM_ID, S_USER, S_MESSAGES, S_TS, S_LANGUAGE, S_TENANT
    S_META_TEAM, S_META_TEAM_ALIAS, S_META_ORG, S_META_USER, S_META_ALIAS
    S_META_LANGUAGE, S_REQUESTER_LANGUAGE, S_SPEND_LANGUAGE
    S_RESPONSE_MODEL, S_HIDDEN_MODEL, S_MAP_MODEL
    S_CACHED, S_REASONING, S_COST, S_PROVIDER
    S_META_USAGE, S_HIDDEN_USAGE, S_RESPONSE_USAGE, S_META_MORE_USAGE
    S_PRICE, S_STATUS, S_META_STATUS, S_NO_PRICE, S_ZERO, S_HIDDEN_PRICE
    S_LLM_PROVIDER, S_RESPONSE_PROVIDER, S_BASE, S_HIDDEN_BASE
    S_LOCATION, S_META_BREAKDOWN, S_META_MAP
    # One for each of TIMES, in their order.
    S_TIMES
    SLOTS = S_TIMES + 8
    GUARD_LITELLM = 100
    GUARD_NATIVE = 101
    GUARD_SPEND = 102
    INTO = 200

# What a member of a usage object, or of the details in it, is for.
cdef enum:
    U_CACHED, U_REASONING, U_INPUTS, U_OUTPUTS, U_PASSES, USAGE_SLOTS

cdef struct Member:
    int place
    int slot
    int next
    int size
    const char* name

# What a walk has met, as bits of `guards`.
cdef enum:
    HAS_NATIVE_GUARD = 1
    HAS_SPEND = 2

# Where the values of the slots are (`start` is NULL where absent), and what else a walk has met. It
# guesses names by the openings of the payload before; bytes below `edge` are in memory.
cdef struct Walk:
    Opening* openings
    const uint8_t* edge
    Span slots[SLOTS]
    bint entered[PLACES]
    int guards

_MEMBERS = [
    *((TOP, GUARD_LITELLM, name) for name in BEFORE_LITELLM),
    *(
        (TOP, GUARD_NATIVE, name)
        for name in BEFORE_NATIVE
        if name != "call_type" and name not in BEFORE_LITELLM
    ),
    (TOP, GUARD_SPEND, "spend"),
    (TOP, S_ID, "id"),
    (TOP, S_REQUEST_ID, "request_id"),
    (TOP, S_CALL_ID, "litellm_call_id"),
    (TOP, S_CALL_TYPE, "call_type"),
    (TOP, S_START, "startTime"),
    (TOP, S_PROMPT, "prompt_tokens"),
    (TOP, S_COMPLETION, "completion_tokens"),
    (TOP, S_CACHE_HIT, "cache_hit"),
    (TOP, S_MODEL, "model"),
    (TOP, S_GROUP, "model_group"),
    (TOP, S_TEAM_ID, "team_id"),
    (TOP, S_USER, "user"),
    (TOP, S_MESSAGES, "messages"),
    (TOP, S_TS, "ts"),
    (TOP, S_LANGUAGE, "language"),
    (TOP, S_TENANT, "tenant"),
    (TOP, S_CACHED, "cached_tokens"),
    (TOP, S_REASONING, "reasoning_tokens"),
    (TOP, S_COST, "cost"),
    (TOP, S_PROVIDER, "provider"),
    *((TOP, S_TIMES + number, name) for number, name in enumerate(TIMES)),
    (TOP, S_PRICE, "response_cost"),
    (TOP, S_STATUS, "status"),
    (TOP, S_NO_PRICE, "response_cost_failure_debug_info"),
    (TOP, S_ZERO, "zero_cost_diagnostic"),
    (TOP, S_LLM_PROVIDER, "custom_llm_provider"),
    (TOP, S_BASE, "api_base"),
    (TOP, INTO + BREAKDOWN, "cost_breakdown"),
    (TOP, INTO + METADATA, "metadata"),
    (TOP, INTO + RESPONSE, "response"),
    (TOP, INTO + HIDDEN, "hidden_params"),
    (TOP, INTO + MODEL_MAP, "model_map_information"),
    (METADATA, S_META_TEAM, "user_api_key_team_id"),
    (METADATA, S_META_TEAM_ALIAS, "user_api_key_team_alias"),
    (METADATA, S_META_ORG, "user_api_key_org_id"),
    (METADATA, S_META_USER, "user_api_key_user_id"),
    (METADATA, S_META_ALIAS, "user_api_key_alias"),
    (METADATA, S_META_LANGUAGE, "language"),
    (METADATA, S_META_USAGE, "usage_object"),
    (METADATA, S_META_MORE_USAGE, "additional_usage_values"),
    (METADATA, S_META_STATUS, "status"),
    (METADATA, S_META_BREAKDOWN, "cost_breakdown"),
    (METADATA, S_META_MAP, "model_map_information"),
    (METADATA, INTO + REQUESTER, "requester_metadata"),
    (METADATA, INTO + SPEND, "spend_logs_metadata"),
    (REQUESTER, S_REQUESTER_LANGUAGE, "language"),
    (SPEND, S_SPEND_LANGUAGE, "language"),
    (RESPONSE, S_RESPONSE_MODEL, "model"),
    (RESPONSE, S_RESPONSE_USAGE, "usage"),
    (RESPONSE, S_RESPONSE_PROVIDER, "provider"),
    (HIDDEN, S_HIDDEN_MODEL, "litellm_model_name"),
    (HIDDEN, S_HIDDEN_USAGE, "usage_object"),
    (HIDDEN, S_HIDDEN_PRICE, "response_cost"),
    (HIDDEN, S_HIDDEN_BASE, "api_base"),
    (MODEL_MAP, S_MAP_MODEL, "model_map_key"),
    (BREAKDOWN, S_LOCATION, "vertex_location"),
    *((USAGE, U_INPUTS, name) for name in provider_details.INPUTS),
    *((USAGE, U_OUTPUTS, name) for name in provider_details.OUTPUTS),
    *((USAGE, U_CACHED, name) for name in provider_details.CACHED),
    *((USAGE, U_REASONING, name) for name in provider_details.REASONING),
    (USAGE, U_PASSES, "iterations"),
    *((INPUTS, U_CACHED, name) for name in provider_details.CACHED_INSIDE),
    *((OUTPUTS, U_REASONING, name) for name in provider_details.REASONING_INSIDE),
]
# Keeps the bytes alive that the table points to.
_KEPT_NAMES = [name.encode() for _, _, name in _MEMBERS]

cdef enum:
    MAX_MEMBERS = 256

cdef Member[MAX_MEMBERS] _members
cdef int[256] _buckets


cdef inline int _bucket(int place, const uint8_t* name, Py_ssize_t size) noexcept nogil:
    return (place * 37 + size * 7 + name[0] + name[size - 1] * 3) & 255


def _fill_members():
    cdef int number
    cdef int bucket
    cdef bytes name
    if len(_MEMBERS) > MAX_MEMBERS:
        raise ValueError("the table of members is too small")
    for number in range(256):
        _buckets[number] = -1
    for number, (place, slot, _) in enumerate(_MEMBERS):
        name = _KEPT_NAMES[number]
        _members[number].place = place
        _members[number].slot = slot
        _members[number].size = len(name)
        _members[number].name = PyBytes_AS_STRING(name)
        bucket = _bucket(place, <const uint8_t*>PyBytes_AS_STRING(name), len(name))
        _members[number].next = _buckets[bucket]
        _buckets[bucket] = number


_fill_members()


cdef inline int _slot_of(int place, const uint8_t* name, Py_ssize_t size) noexcept nogil:
    """Return the purpose of a member, -1 where it has none."""
    cdef int number
    if size == 0:
        return -1
    number = _buckets[_bucket(place, name, size)]
    while number >= 0:
        if (
            _members[number].size == size
            and _members[number].place == place
            and memcmp(_members[number].name, name, size) == 0
        ):
            return _members[number].slot
        number = _members[number].next
    return -1
