#include "harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_path(const void *a, const void *b) {
  return strcmp(((const test_model *)a)->path, ((const test_model *)b)->path);
}

static void read_model(test_model *m) {
  FILE *f = fopen(m->path, "rb");
  if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
    perror(m->path);
    exit(2);
  }
  m->size = (size_t)ftell(f);
  rewind(f);
  if (posix_memalign(&m->data, 64, m->size) != 0 || fread(m->data, 1, m->size, f) != m->size) {
    perror(m->path);
    exit(2);
  }
  (void)fclose(f);
}

size_t test_load_corpus(test_model *models) {
  size_t count = 0;
  DIR *dir = opendir(CORPUS);
  for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL && count < MAX_MODELS; e = readdir(dir)) {
    if (strstr(e->d_name, ".ekm") != NULL) {
      (void)snprintf(models[count++].path, sizeof models[0].path, CORPUS "/%.400s", e->d_name);
    }
  }
  if (dir != NULL) {
    (void)closedir(dir);
  }
  if (count == 0) {
    printf("no models in " CORPUS ": run from the root of the repository\n");
    exit(2);
  }
  qsort(models, count, sizeof *models, by_path);
  for (size_t i = 0; i < count; i++) {
    read_model(&models[i]);
  }
  return count;
}

void test_free_corpus(test_model *models, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(models[i].data);
  }
}

/* Blocks begin with their size. */
static void *counted_alloc(void *user, size_t size, size_t alignment) {
  test_memory *m = user;
  const size_t call = m->calls++;
  uint8_t *block = NULL;
  if (call >= m->fail_at || size > m->limit || alignment > 64 || posix_memalign((void **)&block, 64, size + 64) != 0) {
    return NULL;
  }
  memcpy(block, &size, sizeof size);
  memset(block + 64, 0xA5, size);
  m->blocks++;
  m->bytes += size;
  return block + 64;
}

static void counted_free(void *user, void *memory) {
  test_memory *m = user;
  uint8_t *block = (uint8_t *)memory - 64;
  size_t size;
  memcpy(&size, block, sizeof size);
  m->blocks--;
  m->bytes -= size;
  free(block);
}

ek_allocator test_allocator(test_memory *memory) {
  const ek_allocator allocator = {counted_alloc, counted_free, memory};
  return allocator;
}

ek_env *test_env(test_memory *memory) {
  const ek_allocator allocator = test_allocator(memory);
  const ek_env_options options = {.struct_size = sizeof options, .allocator = &allocator};
  ek_env *env = NULL;
  return ek_env_create(&options, &env) == EK_OK ? env : NULL;
}

void test_fill_inputs(ek_session *session, int value) {
  for (size_t i = 0; i < ek_session_input_count(session); i++) {
    void *data = NULL;
    size_t bytes = 0;
    if (ek_session_input_data(session, i, &data, &bytes) == EK_OK) {
      memset(data, value, bytes);
    }
  }
}
