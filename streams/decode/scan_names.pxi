# Texts to numbers: each text gets the next number when it is first seen, and is found again without
# a Python object. Hashes of event ids are here too.

# Separates the parts of a joined text: no plain string contains it.
cdef enum:
    SEPARATOR = 0x1F

#: Joins a model's name and a declared language in the texts of `Names`.
JOINT = bytes([SEPARATOR])


@cython.final
cdef class Names:
    """Numbers of texts, from 0 in the order in which they are first seen.

    A hash table with open addressing. Its hash has a random seed, since texts come from outside.
    """

    cdef readonly list texts
    cdef int32_t* _slots
    cdef uint64_t* _hashes
    cdef uint64_t _mask
    cdef uint64_t _seed

    def __cinit__(self):
        self.texts = []
        self._mask = 255
        self._seed = int.from_bytes(os.urandom(8), "little") | 1
        self._slots = <int32_t*>calloc(self._mask + 1, sizeof(int32_t))
        self._hashes = <uint64_t*>realloc(NULL, (self._mask + 1) * sizeof(uint64_t))
        if self._slots == NULL or self._hashes == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self._slots)
        free(self._hashes)

    def __len__(self):
        return len(self.texts)

    cdef int64_t find(
        self, const uint8_t* text, Py_ssize_t size, const uint8_t* more, Py_ssize_t more_size
    ) except -1:
        """Return the number of a text, or of two joined texts; `more` is NULL where there is one."""
        cdef uint64_t hashed = _hash(text, size, self._seed)
        cdef uint64_t at
        cdef int32_t slot
        if more != NULL:
            hashed = _hash(more, more_size, hashed ^ self._seed)
        at = hashed & self._mask
        while True:
            slot = self._slots[at]
            if slot == 0:
                return self._learn(hashed, text, size, more, more_size)
            if self._hashes[slot - 1] == hashed and _is_same(
                <bytes>self.texts[slot - 1], text, size, more, more_size
            ):
                return slot - 1
            at = (at + 1) & self._mask

    cdef int64_t _learn(
        self,
        uint64_t hashed,
        const uint8_t* text,
        Py_ssize_t size,
        const uint8_t* more,
        Py_ssize_t more_size,
    ) except -1:
        cdef int64_t number = len(self.texts)
        cdef bytes known = PyBytes_FromStringAndSize(<const char*>text, size)
        if more != NULL:
            known += JOINT + PyBytes_FromStringAndSize(<const char*>more, more_size)
        if <uint64_t>(number + 1) * 2 > self._mask:
            self._grow()
        self.texts.append(known)
        self._hashes[number] = hashed
        self._place(hashed, number)
        return number

    cdef void _place(self, uint64_t hashed, int64_t number) noexcept:
        cdef uint64_t at = hashed & self._mask
        while self._slots[at] != 0:
            at = (at + 1) & self._mask
        self._slots[at] = <int32_t>(number + 1)

    cdef int _grow(self) except -1:
        cdef uint64_t mask = self._mask * 2 + 1
        cdef int32_t* slots = <int32_t*>calloc(mask + 1, sizeof(int32_t))
        cdef uint64_t* hashes
        cdef int64_t number
        if slots == NULL:
            raise MemoryError
        hashes = <uint64_t*>realloc(self._hashes, (mask + 1) * sizeof(uint64_t))
        if hashes == NULL:
            free(slots)
            raise MemoryError
        free(self._slots)
        self._slots, self._hashes, self._mask = slots, hashes, mask
        for number in range(len(self.texts)):
            self._place(hashes[number], number)
        return 0


cdef uint64_t _hash(const uint8_t* text, Py_ssize_t size, uint64_t seed) noexcept nogil:
    # Eight bytes at a time, each mixed by a multiplication; the last step spreads the high bits.
    cdef uint64_t hashed = seed ^ (<uint64_t>size * <uint64_t>0x9E3779B97F4A7C15)
    cdef uint64_t word
    while size >= 8:
        memcpy(&word, text, 8)
        hashed = (hashed ^ word) * <uint64_t>0xFF51AFD7ED558CCD
        hashed ^= hashed >> 32
        text += 8
        size -= 8
    if size:
        word = 0
        memcpy(&word, text, size)
        hashed = (hashed ^ word) * <uint64_t>0xFF51AFD7ED558CCD
        hashed ^= hashed >> 32
    hashed *= <uint64_t>0xC4CEB9FE1A85EC53
    return hashed ^ (hashed >> 29)


cdef bint _is_same(
    bytes known,
    const uint8_t* text,
    Py_ssize_t size,
    const uint8_t* more,
    Py_ssize_t more_size,
) noexcept:
    cdef const char* mine = PyBytes_AS_STRING(known)
    cdef Py_ssize_t length = len(known)
    if more == NULL:
        return length == size and memcmp(mine, text, size) == 0
    return (
        length == size + 1 + more_size
        and mine[size] == SEPARATOR
        and memcmp(mine, text, size) == 0
        and memcmp(mine + size + 1, more, more_size) == 0
    )


cdef uint64_t _ID_SEED = int.from_bytes(os.urandom(8), "little") | 1


cdef inline int64_t _id_hash(const uint8_t* text, Py_ssize_t size) noexcept nogil:
    cdef int64_t hashed = <int64_t>_hash(text, size, _ID_SEED)
    return hashed if hashed != 0 else 1


def hash_of(bytes text not None):
    """Return the hash of an id, never 0. It differs between processes."""
    return _id_hash(<const uint8_t*>PyBytes_AS_STRING(text), len(text))
