#include "backends/opencl/cache.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/clock.h"

#if defined(_WIN32)
#include <direct.h>
#include <process.h>
#define make_folder(path) _mkdir(path)
#define process_id() _getpid()
#else
#include <sys/stat.h>
#include <unistd.h>
#define make_folder(path) mkdir(path, 0700)
#define process_id() getpid()
#endif

#define FNV_PRIME UINT64_C(0x100000001b3) /* Fowler, Noll, Vo: FNV-1a, 64 bits */
#define PATH_SIZE 1024
#define MAX_BINARY ((uint64_t)256 << 20)

typedef struct cache_header {
  char magic[8];
  ek_cl_key key;
  uint64_t size;
  ek_cl_key content; /* hash of the binary */
} cache_header;

static const char cache_magic[8] = {'E', 'K', 'C', 'L', 'B', 'I', 'N', '1'};

ek_cl_key ek_cl_key_begin(void) { return (ek_cl_key){UINT64_C(0xcbf29ce484222325), UINT64_C(0x6c62272e07bb0142)}; }

void ek_cl_key_add(ek_cl_key *key, const void *bytes, size_t size) {
  const unsigned char *b = bytes;
  for (size_t i = 0; i < size; i++) {
    key->low = (key->low ^ b[i]) * FNV_PRIME;
    key->high = (key->high ^ (b[i] + 0x100u)) * FNV_PRIME;
  }
}

void ek_cl_key_add_text(ek_cl_key *key, const char *text) { ek_cl_key_add(key, text, strlen(text) + 1); }

static bool path_of(char *path, const char *folder, const ek_cl_key *key, const char *suffix) {
  const int n = snprintf(path, PATH_SIZE, "%s/edgekit-opencl-%016llx%016llx%s", folder, (unsigned long long)key->high,
                         (unsigned long long)key->low, suffix);
  return n > 0 && n < PATH_SIZE;
}

static ek_cl_key hash_of(const void *bytes, size_t size) {
  ek_cl_key key = ek_cl_key_begin();
  ek_cl_key_add(&key, bytes, size);
  return key;
}

static bool same(const ek_cl_key *a, const ek_cl_key *b) { return a->low == b->low && a->high == b->high; }

static void *read_binary(const ek_allocator *allocator, FILE *file, const ek_cl_key *key, size_t *size) {
  cache_header header;
  if (fread(&header, sizeof header, 1, file) != 1 || memcmp(header.magic, cache_magic, sizeof cache_magic) != 0 ||
      !same(&header.key, key) || header.size == 0 || header.size > MAX_BINARY) {
    return NULL;
  }
  void *binary = ek_allocate(allocator, (size_t)header.size);
  if (binary == NULL) return NULL;
  bool good = fread(binary, 1, (size_t)header.size, file) == header.size && fgetc(file) == EOF;
  const ek_cl_key found = good ? hash_of(binary, (size_t)header.size) : (ek_cl_key){0, 0};
  good = good && same(&found, &header.content);
  if (!good) {
    ek_release(allocator, binary);
    return NULL;
  }
  *size = (size_t)header.size;
  return binary;
}

bool ek_cl_cache_read(const ek_allocator *allocator, const char *folder, const ek_cl_key *key, void **binary,
                      size_t *size) {
  char path[PATH_SIZE];
  FILE *file = path_of(path, folder, key, ".bin") ? fopen(path, "rb") : NULL;
  if (file == NULL) return false;
  *binary = read_binary(allocator, file, key, size);
  (void)fclose(file);
  return *binary != NULL;
}

void ek_cl_cache_write(const char *folder, const ek_cl_key *key, const void *binary, size_t size) {
  char path[PATH_SIZE], temporary[PATH_SIZE], suffix[64];
  (void)snprintf(suffix, sizeof suffix, ".%llx-%llx.tmp", (unsigned long long)process_id(),
                 (unsigned long long)ek_clock_ns());
  if (size == 0 || size > MAX_BINARY || !path_of(path, folder, key, ".bin") || !path_of(temporary, folder, key, suffix))
    return;
  (void)make_folder(folder); /* fails where it is there */
  FILE *file = fopen(temporary, "wb");
  if (file == NULL) return;
  cache_header header;
  memset(&header, 0, sizeof header);
  memcpy(header.magic, cache_magic, sizeof cache_magic);
  header.key = *key;
  header.size = size;
  header.content = hash_of(binary, size);
  bool good = fwrite(&header, sizeof header, 1, file) == 1 && fwrite(binary, 1, size, file) == size;
  good = fclose(file) == 0 && good;
#if defined(_WIN32)
  (void)remove(path); /* rename does not replace there */
#endif
  if (!good || rename(temporary, path) != 0) {
    (void)remove(temporary);
  }
}
