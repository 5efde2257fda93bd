/* Broken bytes: every truncation and many changed bytes of every model give a clean error, or a session that stays in its memory. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "harness.h"

#define MEMORY_LIMIT ((size_t)8 << 20)
#define RUN_LIMIT ((size_t)32 << 10)

static test_model models[MAX_MODELS];

static bool count_down(void *user) { return --*(int *)user >= 0; }

static void run_all(ek_env *env, const ek_model *model) {
  int left = 100;
  const ek_session_options options = {
      .struct_size = sizeof options, .keep_going = count_down, .keep_going_user = &left};
  ek_memory_info info = {.struct_size = sizeof info};
  ek_session *session = NULL;
  if (ek_session_query_memory(env, model, &options, &info) != EK_OK ||
      info.total_bytes - info.overhead_bytes > RUN_LIMIT) {
    return;
  }
  if (ek_session_create(env, model, &options, &session) == EK_OK) {
    test_fill_inputs(session, 3);
    (void)ek_session_run(session);
  }
  ek_session_destroy(session);
}

/* The status of a load, after using whatever was loaded. */
static ek_status try_bytes(const void *data, size_t size) {
  test_memory memory = {.fail_at = SIZE_MAX, .limit = MEMORY_LIMIT};
  ek_env *env = test_env(&memory);
  ek_model *model = NULL;
  const ek_status status = ek_model_load_memory(env, data, size, &model);
  char text[16];
  CHECK((status == EK_OK) == (model != NULL));
  CHECK(status == EK_OK || ek_env_error(env, text, sizeof text) > 1);
  if (status == EK_OK) {
    run_all(env, model);
  }
  ek_model_destroy(model);
  ek_env_destroy(env);
  CHECK(memory.blocks == 0);
  return status;
}

static void check_truncations(const test_model *m) {
  for (size_t size = 0; size < m->size; size++) {
    /* A block of that size exactly, so that reading behind it is seen. */
    void *copy = NULL;
    CHECK(posix_memalign(&copy, 64, size != 0 ? size : 1) == 0);
    memcpy(copy, m->data, size);
    const ek_status status = try_bytes(copy, size);
    /* The file may end in padding; where anything of substance is missing, the load must fail. */
    CHECK_FOR(m->path, status == EK_ERR_BAD_MODEL || (status == EK_OK && size + 64 > m->size));
    free(copy);
  }
}

static void check_changes(const test_model *m) {
  static const uint8_t values[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
  uint8_t *copy = NULL;
  CHECK(posix_memalign((void **)&copy, 64, m->size) == 0);
  memcpy(copy, m->data, m->size);
  for (size_t at = 0; at < m->size; at++) {
    for (size_t k = 0; k < sizeof values; k++) {
      copy[at] = values[k];
      (void)try_bytes(copy, m->size);
    }
    copy[at] = ((const uint8_t *)m->data)[at];
  }
  free(copy);
}

static void check_nonsense(void) {
  uint8_t *bytes = NULL;
  CHECK(posix_memalign((void **)&bytes, 64, 256) == 0);
  for (int value = 0; value < 256; value++) {
    memset(bytes, value, 256);
    CHECK(try_bytes(bytes, 256) == EK_ERR_BAD_MODEL);
    memcpy(bytes + 4, "EKM1", 4);
    CHECK(try_bytes(bytes, 256) == EK_ERR_BAD_MODEL);
  }
  free(bytes);
}

int main(void) {
  const size_t count = test_load_corpus(models);
  check_nonsense();
  for (size_t i = 0; i < count; i++) {
    check_truncations(&models[i]);
    check_changes(&models[i]);
  }
  test_free_corpus(models, count);
  return check_result();
}
