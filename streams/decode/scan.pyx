# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# `Columns` sets all its memoryviews when it is made: a check at each write costs 3 % of the loop.
"""Read plain events directly from the bytes of a Kafka record batch into columns of numbers.

This is the hot loop: nearly all records of a gateway are plain, and here they become numbers
without a Python object each, at a tenth of what a record object, a decoded event and six columns
of Python objects cost. It defines nothing of its own: streams/decode/formats/native.py defines a
valid event, streams/kafka/record_batch.py how a record lies in a batch. A record that is not plain
in the narrow sense of scan_plain.pxi and scan_payload.pxi is not judged but handed out as it is, for
that slower code. tests/decode/test_scan.py checks that both always agree.

Memory safety: what counts lies below an `end`, and every `end` has been checked against the enclosing
one. Bytes behind it are looked at together with those before it only below `edge`, where the batch
ends: the answer does not depend on them. Formats: https://kafka.apache.org/documentation/#recordbatch, RFC 8259.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memset

import os

from streams.decode.event import EARLIEST_TIME, MAX_CHARACTERS, MAX_TOKENS
from streams.decode.formats import provider_details
from streams.decode.formats.litellm import REDACTED
from streams.decode.formats.markers import BEFORE_LITELLM, BEFORE_NATIVE, TIMES
from streams.decode.served_by import MAX_PART

cdef extern from *:
    # Cython defines it. Plain events keep the loop to themselves.
    bint likely(bint condition) noexcept nogil

cdef extern from "stdlib.h":
    void* aligned_alloc(size_t alignment, size_t size) noexcept nogil

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    double PyOS_string_to_double(const char* text, char** end, object overflow) except? -1.0

cdef int64_t _MAX_TOKENS = MAX_TOKENS
#: Prompts whose language is detected in one call of `records`: about 25 ms.
MAX_PROMPTS = 2048

cdef Py_ssize_t _MAX_CHARACTERS = MAX_CHARACTERS
cdef Py_ssize_t _MAX_PART = MAX_PART
cdef double _EARLIEST_TIME = EARLIEST_TIME

include "scan_vectors.pxi"
include "scan_names.pxi"
include "scan_tokens.pxi"
include "scan_money.pxi"
include "scan_plain.pxi"
include "scan_order.pxi"
include "scan_fields.pxi"
include "scan_json.pxi"
include "scan_payload.pxi"
include "scan_usage.pxi"
include "scan_served.pxi"
include "scan_litellm.pxi"
include "scan_prompt.pxi"
include "scan_rows.pxi"
include "scan_record.pxi"


@cython.final
cdef class Scanner:
    """Reads values, and numbers the texts in them.

    `pairs` numbers models with declared languages, `tenants` the tenants, `providers` who served,
    with the place of the endpoint. Values longer than
    `max_record_bytes` are handed out; so are all of them without `may_read`, and payloads of LiteLLM
    without `may_read_litellm`. `detect` returns the language of a prompt without a declared one,
    from its JSON: empty for none, None where the value is to be handed out. `detect_last` returns it
    from the text of a user's last message, None where that alone does not say it. A call hands out
    what follows its first `MAX_PROMPTS` prompts; `prompts` counts those of all calls.
    """

    cdef readonly Names pairs
    cdef readonly Names tenants
    cdef readonly Names providers
    cdef Py_ssize_t _max_record_bytes
    cdef bint _may_read
    cdef bint _may_read_litellm
    cdef object _detect
    cdef object _detect_last
    cdef readonly int64_t prompts
    cdef int64_t _prompts_allowed
    # The field that followed each one in the record before: producers keep to an order.
    cdef int[NAMES] _after
    # Likewise of payloads, at any depth (scan_order.pxi).
    cdef Opening[OPENINGS] _openings

    def __cinit__(
        self,
        Py_ssize_t max_record_bytes,
        bint may_read,
        bint may_read_litellm,
        detect=None,
        detect_last=None,
    ):
        self.pairs = Names()
        self.tenants = Names()
        self.providers = Names()
        self._max_record_bytes = max_record_bytes
        self._may_read = may_read
        self._may_read_litellm = may_read_litellm
        self._detect = detect
        self._detect_last = detect_last
        memset(self._after, 0, sizeof(self._after))
        _forget(self._openings)

    cdef object _language(self, Span messages):
        """Return the language of a prompt; empty for none, None where the value is handed out."""
        cdef Span last
        if self._detect_last is not None:
            last = _last_text(messages, self._openings)
            if last.start != NULL:
                try:
                    language = self._detect_last(_decoded(last))
                except Exception:
                    # The other way meets the failure again, and counts it.
                    language = None
                if type(language) is str and language and (<str>language).isascii():
                    return language
        return self._detect(_bytes(messages.start, messages.size))

    cdef inline bint _take(
        self,
        const uint8_t* at,
        const uint8_t* end,
        const uint8_t* edge,
        int64_t offset,
        int64_t timestamp,
        Columns columns,
        Py_ssize_t row,
    ) except -1:
        """Read a value into a row; return whether it is an event that is read here."""
        cdef Event event
        cdef Format format
        cdef object language
        event.messages.start = NULL
        if not self._may_read or end - at > self._max_record_bytes:
            return False
        if likely(_read_plain(at, end, edge, &event, self._after)):
            format = NATIVE
        else:
            format = _read_payload(
                at, end, edge, &event, self._openings, self._may_read_litellm, columns.with_ids
            )
            if format == NOT_READ:
                return False
        if event.messages.start != NULL and self._detect is not None:
            if self.prompts == self._prompts_allowed:
                return False
            self.prompts += 1
            language = self._language(event.messages)
            if language is None:
                return False
            # It is not in the record's memory: none of it may be looked at together.
            edge = NULL
            if type(language) is str:
                event.language.start = <const uint8_t*>PyUnicode_AsUTF8AndSize(
                    language, &event.language.size
                )
            elif language:
                event.language.start = <const uint8_t*>PyBytes_AS_STRING(language)
                event.language.size = len(<bytes>language)
        return columns.write(
            row, offset, timestamp, &event, format, self.pairs, self.tenants, self.providers, edge
        )

    def records(
        self,
        const uint8_t[::1] data not None,
        Py_ssize_t start,
        Py_ssize_t records,
        int64_t base_offset,
        int64_t first_timestamp,
        int64_t append_time,
        int64_t last_offset,
        int64_t after,
        bint dense,
        int64_t asked,
        Columns columns not None,
        Py_ssize_t row,
    ):
        """Read the records of a batch: events into the columns from `row` on, the others out.

        `data` holds the decompressed records from `start` on; `append_time` is negative where each
        record has a timestamp of its own (milliseconds). Offsets of records are above `after`,
        ascend, and end at `last_offset`; where `dense` they are consecutive. Records before the
        offset `asked` are left out. Times of events are in unix seconds, NaN where invalid.

        Return the row after the last one, (offset, timestamp in ms, key, value, headers as bytes)
        of the others, the offset of the last record that was read (`after` where none was), and the
        fault of the next one: 0 for none, 1 where it is cut off, 2 where its offset does not
        ascend. Raises ValueError where the arguments contradict each other.
        """
        cdef const uint8_t* at
        cdef const uint8_t* limit
        cdef const uint8_t* end
        cdef const uint8_t* headers
        cdef const uint8_t* key
        cdef int64_t length, delta, timestamp, offset, size, key_size
        cdef Py_ssize_t record
        cdef list others = []
        if not 0 <= start <= data.shape[0] or row < 0 or columns.size - row < records:
            raise ValueError("the arguments contradict each other")
        if records == 0:
            return row, others, after, SOUND
        if start == data.shape[0]:
            return row, others, after, CUT_OFF
        self._prompts_allowed = self.prompts + MAX_PROMPTS
        at = &data[start]
        limit = &data[0] + data.shape[0]
        for record in range(records):
            at = _varint(at, limit, &length)
            if at == NULL or length < 1 or length > limit - at:
                return row, others, after, CUT_OFF
            end = at + length
            at = _varint(at + 1, end, &delta)
            if at == NULL:
                return row, others, after, CUT_OFF
            timestamp = append_time if append_time >= 0 else _sum(first_timestamp, delta)
            at = _varint(at, end, &delta)
            if at == NULL:
                return row, others, after, CUT_OFF
            offset = _sum(base_offset, delta)
            if offset <= after or offset > last_offset or (dense and offset != after + 1):
                return row, others, after, OUT_OF_ORDER
            at = _varint(at, end, &key_size)
            if at == NULL or key_size > end - at:
                return row, others, after, CUT_OFF
            key = at
            if key_size > 0:
                at += key_size
            at = _varint(at, end, &size)
            if at == NULL or size > end - at:
                return row, others, after, CUT_OFF
            after = offset
            headers = at if size < 0 else at + size
            if offset < asked:
                pass
            elif (
                size >= 0
                and not _may_change_format(headers, end)
                and self._take(at, headers, limit, offset, timestamp, columns, row)
            ):
                row += 1
            else:
                others.append(
                    (
                        offset,
                        timestamp,
                        None if key_size < 0 else _bytes(key, key_size),
                        None if size < 0 else _bytes(at, size),
                        _bytes(headers, end - headers),
                    )
                )
            at = end
        return row, others, after, SOUND

    def values(
        self, list values not None, int64_t base_offset, Columns columns not None, Py_ssize_t row
    ):
        """Read values that have no record around them, such as lines of a file, as `records` does.

        Their offsets are consecutive. An empty value is left out. Return the row after the last
        one, and the places of the others in `values`.
        """
        cdef Py_ssize_t place
        cdef bytes value
        cdef const uint8_t* at
        cdef const uint8_t* end
        cdef list others = []
        if row < 0 or columns.size - row < len(values):
            raise ValueError("the columns are too short")
        # Lines of a file keep no one waiting.
        self._prompts_allowed = self.prompts + len(values)
        for place in range(len(values)):
            value = values[place]
            at = <const uint8_t*>PyBytes_AS_STRING(value)
            if PyBytes_GET_SIZE(value) == 0:
                continue
            end = at + PyBytes_GET_SIZE(value)
            if self._take(at, end, end, base_offset + place, -1, columns, row):
                row += 1
            else:
                others.append(place)
        return row, others
