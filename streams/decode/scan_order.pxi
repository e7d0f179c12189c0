# The order of names in the payload before: producers keep to one, so that a name is compared, not read.
#
# An opening is a name with all around it, from the brace or comma before to its value: `, "id": `. Each
# knows the one that followed it, and the one that its value began with. A guess costs a comparison;
# where it is wrong, the name is read, and what it is for is looked up in the table of fields.

cdef enum:
    MAX_OPENING = 48
    OPENING_BITS = 10
    # The first numbers are of no opening: 0 where there is none, or it is too long to be kept. What an
    # object begins with that is looked at by itself is kept with the number of its place.
    NO_OPENINGS = 16
    # Where the place of an opening is taken, it goes into one of the next.
    OPENING_TRIES = 4
    OPENINGS = NO_OPENINGS + (1 << OPENING_BITS) + OPENING_TRIES
    NOWHERE = -2

cdef struct Opening:
    uint8_t[MAX_OPENING] text
    int size
    # The object that it stands in, and what it is for there, by the table of fields.
    int place
    int slot
    int following
    int inside


cdef void _forget(Opening* openings) noexcept nogil:
    cdef int number
    memset(openings, 0, OPENINGS * sizeof(Opening))
    for number in range(OPENINGS):
        openings[number].place = NOWHERE


cdef int _learnt(
    Opening* openings, const uint8_t* text, Py_ssize_t size, const uint8_t* edge, int place, int slot
) noexcept nogil:
    """Return the number of an opening; where all its places are taken, one there is forgotten."""
    cdef uint64_t[6] words
    cdef uint64_t sum
    cdef Opening* opening
    cdef int first, number
    if size > MAX_OPENING or edge - text < MAX_OPENING:
        return 0
    first_of_48(text, size, words)
    # The same name means another thing elsewhere.
    sum = _sum_of(words) ^ <uint64_t>place << (64 - OPENING_BITS)
    first = NO_OPENINGS + (sum >> (64 - OPENING_BITS))
    for number in range(first, first + OPENING_TRIES):
        opening = &openings[number]
        if opening.place == NOWHERE:
            break
        if opening.place == place and opening.size == size and memcmp(opening.text, text, size) == 0:
            return number
    else:
        number = first
        opening = &openings[first]
    memcpy(opening.text, words, MAX_OPENING)
    opening.size, opening.place, opening.slot = size, place, slot
    opening.following = opening.inside = 0
    return number


cdef inline bint _is_next(
    const uint8_t* at, const uint8_t* edge, const Opening* opening, int place
) noexcept nogil:
    """Return whether the bytes from `at` on are an opening of an object."""
    return (
        opening.place == place
        and edge - at >= MAX_OPENING
        and is_like_48(at, opening.text, mask_of(opening.size))
    )
