/* What the session tests share: the models of the fuzz corpus, an allocator that counts and can fail. */
#ifndef EK_TEST_SESSION_HARNESS_H
#define EK_TEST_SESSION_HARNESS_H

#include "edgekit/edgekit.h"

#define CORPUS "runtime_c/fuzz/corpus"
#define MAX_MODELS 1024

typedef struct test_model {
  char path[512];
  void *data; /* 64-byte aligned */
  size_t size;
} test_model;

/* All models of the corpus, in the order of their names. Run from the root of the repository. Exits when there are none. */
size_t test_load_corpus(test_model *models);
void test_free_corpus(test_model *models, size_t count);

/* Counts blocks; the allocation number `fail_at` (from 0) and all after it fail. */
typedef struct test_memory {
  size_t calls;
  size_t blocks;
  size_t bytes;
  size_t fail_at;
  size_t limit; /* of the bytes of one block */
} test_memory;

ek_allocator test_allocator(test_memory *memory);
/* An env that takes its memory there, or NULL if that fails. */
ek_env *test_env(test_memory *memory);
/* The same bytes in every input. */
void test_fill_inputs(ek_session *session, int value);

#endif
