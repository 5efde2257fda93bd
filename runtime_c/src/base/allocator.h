/* Memory: the caller's allocator or malloc, always in 64-byte aligned blocks. */
#ifndef EK_BASE_ALLOCATOR_H
#define EK_BASE_ALLOCATOR_H

#include "edgekit/edgekit.h"

#define EK_ALIGNMENT 64

ek_allocator ek_allocator_default(void);
/* NULL on failure. Zero bytes give a block of their own too. */
void *ek_allocate(const ek_allocator *allocator, size_t size);
void ek_release(const ek_allocator *allocator, void *memory);

#endif
