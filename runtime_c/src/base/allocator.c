#include "base/allocator.h"

#include <stdlib.h>
#if defined(_WIN32)
#include <malloc.h>
#endif

#include "base/sizes.h"

static void *default_alloc(void *user, size_t size, size_t alignment) {
  (void)user;
#if defined(_WIN32)
  return _aligned_malloc(size, alignment);
#else
  size = ek_align_size(size);
  return size == SIZE_MAX ? NULL : aligned_alloc(alignment, size);
#endif
}

static void default_free(void *user, void *memory) {
  (void)user;
#if defined(_WIN32)
  _aligned_free(memory);
#else
  free(memory);
#endif
}

ek_allocator ek_allocator_default(void) {
  const ek_allocator allocator = {default_alloc, default_free, NULL};
  return allocator;
}

void *ek_allocate(const ek_allocator *allocator, size_t size) {
  return size == SIZE_MAX ? NULL : allocator->alloc(allocator->user, size != 0 ? size : 1, EK_ALIGNMENT);
}

void ek_release(const ek_allocator *allocator, void *memory) {
  if (memory != NULL) {
    allocator->free(allocator->user, memory);
  }
}
