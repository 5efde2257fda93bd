/* Offsets of several blocks in one piece of memory: operators lay out their state and scratch with it, the same way
 * each time. */
#ifndef EK_OPS_MEMORY_H
#define EK_OPS_MEMORY_H

#include "base/sizes.h"

/* Reserves `bytes`, 64-byte aligned, and returns where they begin. *used becomes SIZE_MAX when it overflows. */
static inline size_t ek_place(size_t *used, size_t bytes) {
  const size_t at = *used;
  *used = ek_add_size(at, ek_align_size(bytes));
  return at;
}

#endif
