/* Compiled programs on disk: one file each, named by a hash of all that decides the bytes. */
#ifndef EK_BACKENDS_OPENCL_CACHE_H
#define EK_BACKENDS_OPENCL_CACHE_H

#include "base/error.h"

/* 128 bits of FNV-1a: two 64-bit hashes with different starts. */
typedef struct ek_cl_key {
  uint64_t low, high;
} ek_cl_key;

ek_cl_key ek_cl_key_begin(void);
void ek_cl_key_add(ek_cl_key *key, const void *bytes, size_t size);
/* The text with its ending 0, so that neighbours do not run together. */
void ek_cl_key_add_text(ek_cl_key *key, const char *text);

/* The binary kept for the key in `folder`, in memory of `allocator`. False when there is none, or when its bytes are not what was
 * written (any length, any content). */
bool ek_cl_cache_read(const ek_allocator *allocator, const char *folder, const ek_cl_key *key, void **binary,
                      size_t *size);

/* Writes a new file and renames it, so that readers see all or nothing. Failures are silent: a cache is not needed to work. */
void ek_cl_cache_write(const char *folder, const ek_cl_key *key, const void *binary, size_t size);

#endif
