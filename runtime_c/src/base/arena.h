/* Places many records in one block. The same code runs twice: first without memory, which only adds up the sizes, then over a
 * block of that size. */
#ifndef EK_BASE_ARENA_H
#define EK_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct ek_arena {
  uint8_t *base;   /* 64-byte aligned; NULL: only measure */
  size_t capacity; /* ignored while measuring */
  size_t used;     /* a multiple of 64; SIZE_MAX after an overflow */
} ek_arena;

/* Room for `count` objects of `size` bytes, 64-byte aligned and zeroed. NULL while measuring or when the block is too small:
 * tell them apart by `used`. */
void *ek_arena_take(ek_arena *arena, size_t count, size_t size);

#endif
