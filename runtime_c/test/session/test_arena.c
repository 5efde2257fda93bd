/* The caller's arena: exactly the announced bytes suffice, one less does not, nothing outside is touched, and results are the
 * same as with the allocator. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"

static test_model models[MAX_MODELS];

static void check_same_results(const char *path, ek_session *a, ek_session *b) {
  test_fill_inputs(a, 1);
  test_fill_inputs(b, 1);
  const ek_status status = ek_session_run(a);
  CHECK_FOR(path, ek_session_run(b) == status);
  for (size_t i = 0; status == EK_OK && i < ek_session_output_count(a); i++) {
    const void *x = NULL, *y = NULL;
    size_t m = 0, n = 0;
    CHECK_FOR(path, ek_session_output_data(a, i, &x, &m) == EK_OK && ek_session_output_data(b, i, &y, &n) == EK_OK);
    CHECK_FOR(path, m == n && (m == 0 || memcmp(x, y, m) == 0));
  }
}

static void check_model(const test_model *m, int32_t threads) {
  test_memory memory = {.fail_at = SIZE_MAX, .limit = SIZE_MAX};
  ek_env *env = test_env(&memory);
  ek_model *model = NULL;
  CHECK_FOR(m->path, ek_model_load_memory(env, m->data, m->size, &model) == EK_OK);
  ek_session_options options = {.struct_size = sizeof options, .threads = threads};
  ek_memory_info info = {.struct_size = sizeof info};
  const ek_status status = ek_session_query_memory(env, model, &options, &info);
  if (status == EK_OK) {
    ek_session *in_arena = NULL, *usual = NULL;
    uint8_t *arena = NULL;
    CHECK(posix_memalign((void **)&arena, 64, info.total_bytes + 64) == 0);
    memset(arena, 0x5A, info.total_bytes + 64);
    options.arena = arena;
    const size_t calls = memory.calls;
    /* Sizes too small: all short ones for small sessions, a few otherwise. */
    const size_t step = info.total_bytes < 4096 ? 1 : info.total_bytes / 97;
    for (options.arena_size = 0; options.arena_size < info.total_bytes; options.arena_size += step) {
      CHECK_FOR(m->path,
                ek_session_create(env, model, &options, &in_arena) == EK_ERR_OUT_OF_MEMORY && in_arena == NULL);
    }
    options.arena_size = info.total_bytes;
    CHECK_FOR(m->path, ek_session_create(env, model, &options, &in_arena) == EK_OK);
    CHECK_FOR(m->path, memory.calls == calls);
    options.arena = NULL;
    CHECK_FOR(m->path, ek_session_create(env, model, &options, &usual) == EK_OK);
    check_same_results(m->path, in_arena, usual);
    for (size_t i = 0; i < 64; i++) {
      CHECK_FOR(m->path, arena[info.total_bytes + i] == 0x5A);
    }
    options.arena = arena + 8;
    ek_session *misaligned = NULL;
    CHECK_FOR(m->path, ek_session_create(env, model, &options, &misaligned) == EK_ERR_INVALID_ARGUMENT);
    ek_session_destroy(usual);
    ek_session_destroy(in_arena);
    free(arena);
  } else {
    CHECK_FOR(m->path, status == EK_ERR_UNSUPPORTED);
  }
  ek_model_destroy(model);
  ek_env_destroy(env);
  CHECK_FOR(m->path, memory.blocks == 0);
}

int main(void) {
  const size_t count = test_load_corpus(models);
  for (size_t i = 0; i < count; i++) {
    check_model(&models[i], 1);
    check_model(&models[i], 3);
  }
  test_free_corpus(models, count);
  return check_result();
}
