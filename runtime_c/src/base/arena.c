#include "base/arena.h"

#include <string.h>

#include "base/sizes.h"

void *ek_arena_take(ek_arena *arena, size_t count, size_t size) {
  const size_t bytes = ek_align_size(ek_mul_size(count, size));
  const size_t begin = arena->used;
  arena->used = ek_add_size(begin, bytes);
  if (arena->base == NULL || arena->used > arena->capacity) {
    return NULL;
  }
  memset(arena->base + begin, 0, bytes);
  return arena->base + begin;
}
