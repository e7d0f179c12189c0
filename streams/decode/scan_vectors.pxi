# Thirty-two bytes at a time, by the compiler's own vector types: what a loop over bytes answers as well.
#
# Each function reads the bytes that its name says, whatever they are: the caller knows that they are
# in memory. Where a processor has no instruction for the bits of a vector, a multiplication has them.

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #ifdef __SSE2__
    #include <emmintrin.h>
    #endif

    #define IS_LITTLE_ENDIAN (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

    typedef uint8_t sixteen __attribute__((vector_size(16)));

    static inline sixteen sixteen_at(const uint8_t* at) {
        sixteen bytes;
        memcpy(&bytes, at, 16);
        return bytes;
    }

    /* A bit for each byte, which is all ones or all zeros; that of the first one is the lowest. */
    static inline uint32_t bits_of(sixteen marks) {
    #ifdef __SSE2__
        return (uint32_t)_mm_movemask_epi8((__m128i)marks);
    #else
        uint64_t words[2];
        uint32_t bits = 0;
        int at;
        memcpy(words, &marks, 16);
        for (at = 1; at >= 0; at--) {
            if (!IS_LITTLE_ENDIAN) words[at] = __builtin_bswap64(words[at]);
            words[at] &= 0x0101010101010101;
            bits = bits << 8 | (uint32_t)(words[at] * 0x0102040810204080 >> 56);
        }
        return bits;
    #endif
    }

    static inline sixteen ends_in(sixteen bytes) {
        return (sixteen)((bytes == '"') | (bytes == '\\\\') | (bytes < 0x20));
    }

    /* Which of thirty-two bytes end a run of plain ones in a string. */
    static inline uint32_t ends_in_32(const uint8_t* at) {
        return bits_of(ends_in(sixteen_at(at))) | bits_of(ends_in(sixteen_at(at + 16))) << 16;
    }

    static inline sixteen odd_in(sixteen bytes) {
        return (sixteen)((bytes == '"') | (bytes == '\\\\') | (bytes < 0x20) | (bytes > 0x7E));
    }

    /* Likewise of printable ASCII alone. */
    static inline uint32_t odd_in_32(const uint8_t* at) {
        return bits_of(odd_in(sixteen_at(at))) | bits_of(odd_in(sixteen_at(at + 16))) << 16;
    }

    static inline int is_ascii_64(const uint8_t* at) {
        sixteen bytes = sixteen_at(at) | sixteen_at(at + 16);
        bytes |= sixteen_at(at + 32) | sixteen_at(at + 48);
        return !bits_of((sixteen)(bytes > 0x7F));
    }

    /* How many digits sixteen bytes begin with. */
    static inline int digits_in_16(const uint8_t* at) {
        sixteen others = (sixteen)(sixteen_at(at) - '0' > 9);
        return __builtin_ctz(bits_of(others) | 1 << 16);
    }

    static inline sixteen differ_in(const uint8_t* at, const uint8_t* other, const uint8_t* mask) {
        return (sixteen_at(at) ^ sixteen_at(other)) & sixteen_at(mask);
    }

    static inline int is_zero(sixteen bytes) {
        uint64_t words[2];
        memcpy(words, &bytes, 16);
        return !(words[0] | words[1]);
    }

    /* Whether 32 bytes, or 48, are others where a mask has ones. */
    static inline int is_like_32(const uint8_t* at, const uint8_t* other, const uint8_t* mask) {
        return is_zero(differ_in(at, other, mask) | differ_in(at + 16, other + 16, mask + 16));
    }

    static inline int is_like_48(const uint8_t* at, const uint8_t* other, const uint8_t* mask) {
        sixteen differ = differ_in(at, other, mask) | differ_in(at + 16, other + 16, mask + 16);
        return is_zero(differ | differ_in(at + 32, other + 32, mask + 32));
    }

    static const uint8_t ones_and_zeros[96] = {
    #define EIGHT_ONES 255, 255, 255, 255, 255, 255, 255, 255
        EIGHT_ONES, EIGHT_ONES, EIGHT_ONES, EIGHT_ONES, EIGHT_ONES, EIGHT_ONES
    };

    /* The bytes that a mask has to keep of forty-eight, or fewer, to keep the first `size`. */
    static inline const uint8_t* mask_of(int64_t size) {
        return ones_and_zeros + 48 - size;
    }

    /* The first of 48 bytes, with zeros behind. */
    static inline void first_of_48(const uint8_t* at, int64_t size, uint64_t* words) {
        int part;
        for (part = 0; part < 48; part += 16) {
            sixteen bytes = sixteen_at(at + part) & sixteen_at(mask_of(size) + part);
            memcpy(words + part / 8, &bytes, 16);
        }
    }

    /* Likewise of eight, as a word. */
    static inline uint64_t first_of_8(const uint8_t* at, int64_t size) {
        uint64_t word, mask;
        memcpy(&word, at, 8);
        memcpy(&mask, mask_of(size), 8);
        return word & mask;
    }
    """
    const bint IS_LITTLE_ENDIAN
    uint32_t ends_in_32(const uint8_t* at) noexcept nogil
    uint32_t odd_in_32(const uint8_t* at) noexcept nogil
    bint is_ascii_64(const uint8_t* at) noexcept nogil
    int digits_in_16(const uint8_t* at) noexcept nogil
    bint is_like_32(const uint8_t* at, const uint8_t* other, const uint8_t* mask) noexcept nogil
    bint is_like_48(const uint8_t* at, const uint8_t* other, const uint8_t* mask) noexcept nogil
    const uint8_t* mask_of(int64_t size) noexcept nogil
    void first_of_48(const uint8_t* at, int64_t size, uint64_t* words) noexcept nogil
    uint64_t first_of_8(const uint8_t* at, int64_t size) noexcept nogil
    int __builtin_ctz(unsigned int bits) noexcept nogil
