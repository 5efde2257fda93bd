/* Fail the k-th allocation until everything succeeds: clean errors, nothing leaked; and nothing is allocated by a run. */
#include <string.h>

#include "check.h"
#include "harness.h"

static test_model models[MAX_MODELS];

/* True when the model got through; `*status` is the first failure. */
static bool go_through(const test_model *m, test_memory *memory, int32_t threads, ek_status *status) {
  ek_env *env = test_env(memory);
  ek_model *model = NULL;
  ek_session *session = NULL;
  const ek_session_options options = {.struct_size = sizeof options, .threads = threads, .profile = true};
  *status = env != NULL ? EK_OK : EK_ERR_OUT_OF_MEMORY;
  if (*status == EK_OK) {
    *status = ek_model_load_memory(env, m->data, m->size, &model);
  }
  if (*status == EK_OK) {
    *status = ek_session_create(env, model, &options, &session);
  }
  if (*status == EK_OK) {
    const size_t calls = memory->calls;
    test_fill_inputs(session, 0);
    (void)ek_session_run(session);
    (void)ek_session_run(session);
    CHECK_FOR(m->path, memory->calls == calls);
  }
  ek_session_destroy(session);
  ek_model_destroy(model);
  ek_env_destroy(env);
  return *status == EK_OK;
}

static void check_model(const test_model *m, int32_t threads) {
  ek_status status = EK_OK;
  for (size_t k = 0; k < 100; k++) {
    test_memory memory = {.fail_at = k, .limit = SIZE_MAX};
    const bool done = go_through(m, &memory, threads, &status);
    CHECK_FOR(m->path, memory.blocks == 0 && memory.bytes == 0);
    if (done || memory.calls <= k) {
      /* Everything was granted: what fails now fails for another reason. */
      CHECK_FOR(m->path, done || status == EK_ERR_UNSUPPORTED);
      return;
    }
    CHECK_FOR(m->path, status == EK_ERR_OUT_OF_MEMORY);
  }
  CHECK_FOR(m->path, !"needs more than 100 allocations");
}

int main(void) {
  const size_t count = test_load_corpus(models);
  for (size_t i = 0; i < count; i++) {
    check_model(&models[i], 1);
    check_model(&models[i], 2);
  }
  test_free_corpus(models, count);
  return check_result();
}
