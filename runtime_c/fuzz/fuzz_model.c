/* libFuzzer target: the bytes are a model. Whatever they are, loading fails cleanly or the session works within its memory.
 *
 *   cmake -S . -B build-fuzz -G Ninja -DCMAKE_C_COMPILER=clang-14 -DEK_BUILD_FUZZ=ON -DEK_BUILD_TOOLS=OFF \
 *         -DEK_SANITIZE=address,undefined,fuzzer-no-link
 *   cmake --build build-fuzz && build-fuzz/fuzz_model -max_total_time=60 new-inputs runtime_c/fuzz/corpus */
#include <stdlib.h>
#include <string.h>

#include "edgekit/edgekit.h"

#define MEMORY_LIMIT ((size_t)16 << 20)
/* Larger sessions are made, but not run: one operator on much data takes seconds under sanitizers. */
#define RUN_LIMIT ((size_t)32 << 10)
#define NODE_LIMIT 200

static size_t allocated;

static void *limited_alloc(void *user, size_t size, size_t alignment) {
  (void)user;
  const size_t padded = (size + 2 * 64 - 1) / 64 * 64;
  if (size > MEMORY_LIMIT || allocated + padded > MEMORY_LIMIT) {
    return NULL;
  }
  /* The block begins with its size; malloc'ed memory ends where the caller's does, so that overruns are seen. */
  uint8_t *memory = NULL;
  if (alignment > 64 || posix_memalign((void **)&memory, 64, size + 64) != 0) {
    return NULL;
  }
  memcpy(memory, &padded, sizeof padded);
  allocated += padded;
  return memory + 64;
}

static void limited_free(void *user, void *memory) {
  (void)user;
  size_t padded;
  memcpy(&padded, (uint8_t *)memory - 64, sizeof padded);
  allocated -= padded;
  free((uint8_t *)memory - 64);
}

static bool count_down(void *user) { return --*(int *)user >= 0; }

static void fill_inputs(ek_session *session, unsigned seed) {
  for (size_t i = 0; i < ek_session_input_count(session); i++) {
    ek_tensor_info info = {.struct_size = sizeof info};
    void *data = NULL;
    size_t bytes = 0;
    if (ek_session_input_info(session, i, &info) != EK_OK) {
      abort();
    }
    if (info.is_dynamic && seed != 0) {
      for (uint32_t k = 0; k < info.rank; k++) {
        info.dims[k] = info.dim_symbols[k][0] != 0 ? info.max_dims[k] / (int64_t)(seed + 1) : info.dims[k];
      }
      (void)ek_session_resize_input(session, i, info.dims, info.rank);
    }
    if (ek_session_input_data(session, i, &data, &bytes) != EK_OK) {
      abort();
    }
    memset(data, (int)(seed * 37 + i), bytes);
  }
}

static void use(ek_env *env, const ek_model *model, int32_t threads) {
  int left = NODE_LIMIT;
  const ek_session_options options = {.struct_size = sizeof options,
                                      .threads = threads,
                                      .keep_going = count_down,
                                      .keep_going_user = &left,
                                      .profile = true};
  ek_memory_info memory = {.struct_size = sizeof memory}, planned = {.struct_size = sizeof planned};
  ek_session *session = NULL;
  if (ek_session_create(env, model, &options, &session) != EK_OK) {
    return;
  }
  if (ek_session_query_memory(env, model, &options, &planned) == EK_OK) {
    (void)ek_session_memory(session, &memory);
    if (memcmp(&memory, &planned, sizeof memory) != 0) {
      abort();
    }
    if (planned.total_bytes - planned.overhead_bytes <= RUN_LIMIT) {
      for (unsigned seed = 0; seed < 3; seed++) {
        fill_inputs(session, seed);
        (void)ek_session_run(session);
      }
      for (size_t i = 0; i < ek_session_state_count(session); i++) {
        char first[64];
        (void)ek_session_get_state(session, i, first, sizeof first);
      }
      (void)ek_session_reset_state(session);
      (void)ek_session_run(session);
    }
  }
  for (size_t i = 0; i < ek_session_output_count(session); i++) {
    const void *data = NULL;
    size_t bytes = 0;
    volatile uint8_t last = 0;
    if (ek_session_output_data(session, i, &data, &bytes) == EK_OK && bytes != 0) {
      last = ((const uint8_t *)data)[bytes - 1];
    }
    (void)last;
  }
  ek_session_destroy(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const ek_allocator allocator = {limited_alloc, limited_free, NULL};
  const ek_env_options options = {.struct_size = sizeof options, .allocator = &allocator};
  ek_env *env = NULL;
  ek_model *model = NULL;
  if (ek_env_create(&options, &env) != EK_OK) {
    abort();
  }
  if (ek_model_load_memory(env, data, size, &model) == EK_OK) {
    use(env, model, 1);
  }
  ek_model_destroy(model);
  ek_env_destroy(env);
  if (allocated != 0) {
    abort();
  }
  return 0;
}
