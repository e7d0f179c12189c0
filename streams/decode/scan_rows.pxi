# Events to rows: the columns, and how an event is written into them.

@cython.final
cdef class Columns:
    """The columns that events are written into, as streams.decode.rows.Rows has them.

    `columns` are offsets, ts, prompt, completion, pair and tenant; `more` are cached, reasoning, cost
    and provider, filled with -1. `formats` is filled with zeros; payloads of LiteLLM are marked by
    the number `litellm` in it. `ids` is for hashes of the events' ids (0: none), or None where they
    are not wanted.
    """

    cdef int64_t[::1] offsets, prompt, completion, pair, tenant, format, id
    cdef int64_t[::1] cached, reasoning, cost, provider
    cdef double[::1] ts
    cdef int64_t litellm
    cdef bint with_ids
    cdef Py_ssize_t size

    def __cinit__(
        self,
        list columns not None,
        list more not None,
        int64_t[::1] formats not None,
        int64_t litellm,
        int64_t[::1] ids,
    ):
        self.offsets, self.ts, self.prompt, self.completion, self.pair, self.tenant = columns
        self.cached, self.reasoning, self.cost, self.provider = more
        self.format = formats
        self.litellm = litellm
        self.with_ids = ids is not None
        self.size = min(
            self.offsets.shape[0], self.ts.shape[0], self.prompt.shape[0],
            self.completion.shape[0], self.pair.shape[0], self.tenant.shape[0],
            self.format.shape[0], self.cached.shape[0], self.reasoning.shape[0],
            self.cost.shape[0], self.provider.shape[0],
        )
        if ids is not None:
            self.id = ids
            self.size = min(self.size, ids.shape[0])

    cdef bint write(
        self,
        Py_ssize_t row,
        int64_t offset,
        int64_t timestamp,
        const Event* event,
        Format format,
        Names pairs,
        Names tenants,
        Names providers,
        const uint8_t* edge,
    ) except -1:
        """Write an event that was read into a row; `timestamp` is the record's, in milliseconds."""
        if format == LITELLM:
            self.format[row] = self.litellm
        self.offsets[row] = offset
        self.prompt[row] = event.prompt
        self.completion[row] = event.completion
        if self.with_ids:
            # Longer ids are truncated everywhere.
            self.id[row] = (
                0
                if event.id.size == 0
                else _id_hash(event.id.start, min(event.id.size, _MAX_CHARACTERS))
            )
        if event.has_ts:
            self.ts[row] = _seconds(event.ts)
        else:
            self.ts[row] = timestamp / 1000.0 if timestamp >= 0 else NAN
            if not self.ts[row] >= _EARLIEST_TIME:
                self.ts[row] = NAN
        self.pair[row] = pairs.find(
            event.model.start, event.model.size, event.language.start, event.language.size, edge
        )
        self.tenant[row] = (
            -1
            if event.tenant.start == NULL
            else tenants.find(event.tenant.start, event.tenant.size, NULL, 0, edge)
        )
        # The columns are filled with -1.
        if event.cached >= 0:
            self.cached[row] = event.cached
        if event.reasoning >= 0:
            self.reasoning[row] = event.reasoning
        if event.cost >= 0:
            self.cost[row] = event.cost
        # Of whom nothing but the place is known, the name is empty.
        if event.provider.start != NULL and (event.provider.size > 0 or event.place.start != NULL):
            self.provider[row] = providers.find(
                event.provider.start, event.provider.size, event.place.start, event.place.size, edge
            )
        return True
