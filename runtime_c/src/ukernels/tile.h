/* For kernels written as one always-inlined body with a constant number of rows: the accumulators are arrays, and every
 * loop over them is unrolled so that they live in registers. */
#ifndef EK_UKERNELS_TILE_H
#define EK_UKERNELS_TILE_H

#define EK_TILE_BODY static inline __attribute__((always_inline))

#if defined(__clang__)
#define EK_UNROLL _Pragma("unroll")
#else
#define EK_UNROLL _Pragma("GCC unroll 32")
#endif

/* Hides where a vector came from. gcc turns a lane broadcast of a loaded vector into a scalar load and a broadcast each
 * lane: twice the instructions. */
#define EK_OPAQUE_NEON(x) __asm__("" : "+w"(x))

#endif
