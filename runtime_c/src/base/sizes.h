/* Sizes that cannot overflow silently: SIZE_MAX stands for "too large" and absorbs everything added to it. */
#ifndef EK_BASE_SIZES_H
#define EK_BASE_SIZES_H

#include <stddef.h>
#include <stdint.h>

static inline size_t ek_add_size(size_t a, size_t b) { return a > SIZE_MAX - b ? SIZE_MAX : a + b; }

static inline size_t ek_mul_size(size_t a, size_t b) { return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b; }

/* Rounded up to a multiple of 64. */
static inline size_t ek_align_size(size_t a) { return a > SIZE_MAX - 63 ? SIZE_MAX : (a + 63) & ~(size_t)63; }

#endif
