# Texts to numbers: each text gets the next number when it is first seen, and is found again without
# a Python object. Hashes of event ids are here too.

# Separates the parts of a joined text: no plain string contains it.
cdef enum:
    SEPARATOR = 0x1F

#: Joins a model's name and a declared language in the texts of `Names`.
JOINT = bytes([SEPARATOR])


cdef struct Key:
    uint64_t low
    uint64_t high


cdef Key _new_key() except *:
    cdef bytes random = os.urandom(sizeof(Key))
    cdef Key key
    memcpy(&key, PyBytes_AS_STRING(random), sizeof(Key))
    return key


# A text of up to five words, joined with one of a word, is compared with one that was found lately.
cdef enum:
    MAX_RECENT = 40
    MAX_RECENT_MORE = 8
    # What is read of each, at least.
    RECENT_WIDTH = 48
    RECENT_BITS = 11
    RECENT = 1 << RECENT_BITS


# As wide as a line of the processor's cache.
cdef struct Recent:
    # The two texts, each with zeros behind. Nothing has sizes of -1.
    uint64_t words[6]
    int64_t sizes
    int64_t number


cdef inline uint64_t _sum_of(const uint64_t* words) noexcept nogil:
    """Return six words mixed into one, whose upper bits depend on all."""
    cdef uint64_t sum = words[0] ^ _rotated(words[1], 9)
    sum ^= _rotated(words[2], 18) ^ _rotated(words[3], 27)
    sum ^= _rotated(words[4], 36) ^ _rotated(words[5], 45)
    return sum * <uint64_t>0x9E3779B97F4A7C15


cdef inline bint _is_recent(const Recent* text, const Recent* recent) noexcept nogil:
    cdef uint64_t differ = <uint64_t>(text.sizes ^ recent.sizes)
    cdef int word
    for word in range(6):
        differ |= text.words[word] ^ recent.words[word]
    return differ == 0


@cython.final
cdef class Names:
    """Numbers of texts, from 0 in the order in which they are first seen.

    A hash table with open addressing. Texts come from outside, so its hash is keyed: whoever does not
    know the key cannot choose texts that collide.
    """

    cdef readonly list texts
    cdef int32_t* _slots
    cdef uint64_t* _hashes
    cdef uint64_t _mask
    cdef Key _key
    # What was found last for each of some sums of bytes: most texts are found here again.
    cdef Recent* _recent

    def __cinit__(self):
        self.texts = []
        self._mask = 255
        self._key = _new_key()
        self._slots = <int32_t*>calloc(self._mask + 1, sizeof(int32_t))
        self._hashes = <uint64_t*>realloc(NULL, (self._mask + 1) * sizeof(uint64_t))
        self._recent = <Recent*>aligned_alloc(sizeof(Recent), RECENT * sizeof(Recent))
        if self._slots == NULL or self._hashes == NULL or self._recent == NULL:
            raise MemoryError
        memset(self._recent, 0xFF, RECENT * sizeof(Recent))

    def __dealloc__(self):
        free(self._slots)
        free(self._hashes)
        free(self._recent)

    def __len__(self):
        return len(self.texts)

    cdef inline int64_t find(
        self,
        const uint8_t* text,
        Py_ssize_t size,
        const uint8_t* more,
        Py_ssize_t more_size,
        const uint8_t* edge,
    ) except -1:
        """Return the number of a text, or of two joined texts; `more` is NULL where there is one.

        Bytes below `edge` are in memory. Who chooses texts with the same sum of bytes is only led
        past the recent ones.
        """
        cdef Recent new
        cdef Recent* recent
        if more == NULL:
            more_size = -1
        if (
            size > MAX_RECENT
            or more_size > MAX_RECENT_MORE
            or edge - text < RECENT_WIDTH
            or (more != NULL and edge - more < MAX_RECENT_MORE)
        ):
            return self._find(text, size, more, more_size)
        first_of_48(text, size, new.words)
        if more != NULL:
            new.words[5] = first_of_8(more, more_size)
        new.sizes = size << 8 | (more_size + 1)
        recent = &self._recent[_sum_of(new.words) >> (64 - RECENT_BITS)]
        if not _is_recent(&new, recent):
            new.number = self._find(text, size, more, more_size)
            recent[0] = new
        return recent.number

    cdef int64_t _find(
        self, const uint8_t* text, Py_ssize_t size, const uint8_t* more, Py_ssize_t more_size
    ) except -1:
        cdef uint64_t hashed = _hash(text, size, more, more_size, self._key)
        cdef uint64_t at = hashed & self._mask
        cdef int32_t slot
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

    def longest_probe(self):
        """Return how many slots lie between the hash of a text and its slot, at most."""
        cdef uint64_t longest = 0
        cdef uint64_t at
        for at in range(self._mask + 1):
            if self._slots[at] != 0:
                longest = max(longest, (at - self._hashes[self._slots[at] - 1]) & self._mask)
        return longest

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


cdef struct Sip:
    uint64_t a
    uint64_t b
    uint64_t c
    uint64_t d


cdef inline uint64_t _rotated(uint64_t word, int bits) noexcept nogil:
    return word << bits | word >> (64 - bits)


cdef inline void _mix(Sip* sip) noexcept nogil:
    sip.a += sip.b
    sip.b = _rotated(sip.b, 13) ^ sip.a
    sip.a = _rotated(sip.a, 32)
    sip.c += sip.d
    sip.d = _rotated(sip.d, 16) ^ sip.c
    sip.a += sip.d
    sip.d = _rotated(sip.d, 21) ^ sip.a
    sip.c += sip.b
    sip.b = _rotated(sip.b, 17) ^ sip.c
    sip.c = _rotated(sip.c, 32)


cdef inline uint64_t _tail(const uint8_t* text, Py_ssize_t size, bint is_long) noexcept nogil:
    # Fewer than eight bytes as a word; with `is_long` eight may be read that end where they end. Reads
    # of fixed sizes: a call of memcpy takes longer than a round of the hash.
    cdef uint64_t word = 0
    cdef uint32_t first
    cdef uint32_t second
    if size == 0:
        return 0
    if not IS_LITTLE_ENDIAN:
        memcpy(&word, text, size)
        return word >> 8
    if is_long:
        memcpy(&word, text + size - 8, 8)
        return word >> (8 * (8 - size))
    if size >= 4:
        memcpy(&first, text, 4)
        memcpy(&second, text + size - 4, 4)
        return first | <uint64_t>second << (8 * (size - 4))
    word = text[0]
    word |= <uint64_t>text[size >> 1] << (8 * (size >> 1))
    return word | <uint64_t>text[size - 1] << (8 * (size - 1))


cdef inline void _absorb(Sip* sip, const uint8_t* text, Py_ssize_t size) noexcept nogil:
    # The order of bytes in a word is the machine's, since hashes stay in the process. The last word
    # holds the length, so that no two texts are absorbed alike.
    cdef uint64_t last = <uint64_t>size << 56
    cdef bint is_long = size >= 8
    cdef uint64_t word
    while size >= 8:
        memcpy(&word, text, 8)
        sip.d ^= word
        _mix(sip)
        sip.a ^= word
        text += 8
        size -= 8
    word = last | _tail(text, size, is_long)
    sip.d ^= word
    _mix(sip)
    sip.a ^= word


cdef uint64_t _hash(
    const uint8_t* text, Py_ssize_t size, const uint8_t* more, Py_ssize_t more_size, Key key
) noexcept nogil:
    # SipHash-1-3, as in Python: without the key, texts that collide cannot be found.
    cdef Sip sip = Sip(
        key.low ^ <uint64_t>0x736F6D6570736575,
        key.high ^ <uint64_t>0x646F72616E646F6D,
        key.low ^ <uint64_t>0x6C7967656E657261,
        key.high ^ <uint64_t>0x7465646279746573,
    )
    _absorb(&sip, text, size)
    if more != NULL:
        # No word of a text can have this effect: where the first text ends matters.
        sip.c ^= SEPARATOR
        _absorb(&sip, more, more_size)
    sip.c ^= 0xFF
    _mix(&sip)
    _mix(&sip)
    _mix(&sip)
    return sip.a ^ sip.b ^ sip.c ^ sip.d


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


cdef Key _ID_KEY = _new_key()


cdef inline int64_t _id_hash(const uint8_t* text, Py_ssize_t size) noexcept nogil:
    cdef int64_t hashed = <int64_t>_hash(text, size, NULL, 0, _ID_KEY)
    return hashed if hashed != 0 else 1


def hash_of(bytes text not None):
    """Return the hash of an id, never 0. It differs between processes."""
    return _id_hash(<const uint8_t*>PyBytes_AS_STRING(text), len(text))
