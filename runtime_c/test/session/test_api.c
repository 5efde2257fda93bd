/* Misuse of every function gives EK_ERR_INVALID_ARGUMENT (or nothing, where there is no status), and a sentence. */
#include <string.h>

#include "check.h"
#include "harness.h"

#define INVALID(call) CHECK((call) == EK_ERR_INVALID_ARGUMENT)

static test_model models[MAX_MODELS];

static void check_library(void) {
  CHECK(strlen(ek_version()) >= 5);
  for (int status = EK_OK; status <= EK_ERR_CANCELLED; status++) {
    CHECK(strcmp(ek_status_name((ek_status)status), "unknown status") != 0);
  }
  CHECK(strcmp(ek_status_name((ek_status)99), "unknown status") == 0);
  CHECK(ek_dtype_size(EK_F32) == 4 && ek_dtype_size(EK_BOOL) == 1 && ek_dtype_size(EK_F64) == 8 &&
        ek_dtype_size((ek_dtype)0) == 0);
  CHECK(strcmp(ek_backend_name(ek_backend_cpu()), "cpu") == 0 && strcmp(ek_backend_name(NULL), "") == 0);
  char text[64] = "x";
  CHECK(ek_backend_devices(NULL, text, sizeof text) == 1 && text[0] == 0);
  CHECK(ek_backend_devices(ek_backend_cpu(), NULL, 0) > 1);
  CHECK(ek_backend_devices(ek_backend_cpu(), text, 3) > 3 && strlen(text) == 2);
}

static void check_env(void) {
  ek_env *env = NULL;
  INVALID(ek_env_create(NULL, NULL));
  ek_env_options options = {0};
  INVALID(ek_env_create(&options, &env));
  options.struct_size = sizeof options;
  options.isa = "no such isa";
  INVALID(ek_env_create(&options, &env));
  CHECK(env == NULL);
  const ek_allocator broken = {0};
  options.isa = NULL;
  options.allocator = &broken;
  INVALID(ek_env_create(&options, &env));
  ek_env_destroy(NULL);
  CHECK(ek_env_error(NULL, NULL, 0) == 1 && strcmp(ek_env_cpu_features(NULL), "") == 0);
  CHECK(ek_env_create(NULL, &env) == EK_OK);
  ek_env_destroy(env);
  /* An older caller, whose struct is shorter. */
  const ek_env_options old = {.struct_size = sizeof old.struct_size};
  CHECK(ek_env_create(&old, &env) == EK_OK);
  ek_env_destroy(env);
  const ek_env_options scalar = {.struct_size = sizeof scalar, .isa = "scalar"};
  CHECK(ek_env_create(&scalar, &env) == EK_OK && strcmp(ek_env_cpu_features(env), "") == 0);
  ek_env_destroy(env);
}

static void check_model(ek_env *env, const test_model *m) {
  ek_model *model = NULL;
  const char *key = NULL, *value = NULL;
  INVALID(ek_model_load_file(NULL, "x", &model));
  INVALID(ek_model_load_file(env, NULL, &model));
  INVALID(ek_model_load_file(env, "x", NULL));
  CHECK(ek_model_load_file(env, "no/such/file.ekm", &model) == EK_ERR_IO && model == NULL);
  char text[64];
  CHECK(ek_env_error(env, text, sizeof text) > 10 && strstr(text, "no/such/file.ekm") != NULL);
  CHECK(ek_env_error(env, text, 5) > 10 && strlen(text) == 4);
  CHECK(ek_model_load_file(env, "CMakeLists.txt", &model) == EK_ERR_BAD_MODEL && model == NULL);
  INVALID(ek_model_load_memory(NULL, m->data, m->size, &model));
  INVALID(ek_model_load_memory(env, NULL, 3, &model));
  INVALID(ek_model_load_memory(env, m->data, m->size, NULL));
  ek_model_destroy(NULL);
  CHECK(ek_model_metadata_count(NULL) == 0);
  INVALID(ek_model_metadata(NULL, 0, &key, &value));
  CHECK(ek_model_load_file(env, m->path, &model) == EK_OK);
  INVALID(ek_model_metadata(model, ek_model_metadata_count(model), &key, &value));
  INVALID(ek_model_metadata(model, 0, NULL, &value));
  ek_model_destroy(model);
  /* Bytes without alignment are copied. */
  static uint8_t shifted[65536 + 64];
  uint8_t *odd = shifted + (64 - (uintptr_t)shifted % 64) + 4;
  CHECK(m->size < 65536);
  memcpy(odd, m->data, m->size);
  CHECK(ek_model_load_memory(env, odd, m->size, &model) == EK_OK);
  ek_model_destroy(model);
}

static void check_create(ek_env *env, const ek_model *model) {
  ek_session *session = NULL;
  ek_memory_info info = {.struct_size = sizeof info};
  INVALID(ek_session_create(NULL, model, NULL, &session));
  INVALID(ek_session_create(env, NULL, NULL, &session));
  INVALID(ek_session_create(env, model, NULL, NULL));
  INVALID(ek_session_query_memory(NULL, model, NULL, &info));
  INVALID(ek_session_query_memory(env, NULL, NULL, &info));
  INVALID(ek_session_query_memory(env, model, NULL, NULL));
  ek_session_options options = {0};
  INVALID(ek_session_create(env, model, &options, &session));
  options.struct_size = sizeof options;
  options.threads = -1;
  INVALID(ek_session_create(env, model, &options, &session));
  options.threads = 100000;
  INVALID(ek_session_create(env, model, &options, &session));
  options.threads = 0;
  options.backend_count = 1;
  INVALID(ek_session_create(env, model, &options, &session));
  const ek_backend *none[] = {NULL}, *twice[] = {ek_backend_cpu(), ek_backend_cpu()};
  options.backends = none;
  INVALID(ek_session_create(env, model, &options, &session));
  options.backends = twice;
  options.backend_count = 2;
  INVALID(ek_session_create(env, model, &options, &session));
  CHECK(session == NULL);
  info.struct_size = 0;
  INVALID(ek_session_query_memory(env, model, NULL, &info));
}

static bool stop(void *user) {
  (void)user;
  return false;
}

static void check_null_session(void) {
  ek_tensor_info tensor = {.struct_size = sizeof tensor};
  ek_node_info node = {.struct_size = sizeof node};
  ek_memory_info memory = {.struct_size = sizeof memory};
  void *data = NULL;
  const void *out = NULL;
  ek_session_destroy(NULL);
  CHECK(strlen(ek_session_error(NULL)) > 0);
  CHECK(ek_session_input_count(NULL) == 0 && ek_session_output_count(NULL) == 0 && ek_session_node_count(NULL) == 0);
  INVALID(ek_session_memory(NULL, &memory));
  INVALID(ek_session_input_info(NULL, 0, &tensor));
  INVALID(ek_session_output_info(NULL, 0, &tensor));
  INVALID(ek_session_resize_input(NULL, 0, tensor.dims, 1));
  INVALID(ek_session_input_data(NULL, 0, &data, NULL));
  INVALID(ek_session_set_input(NULL, 0, &tensor, 4));
  INVALID(ek_session_run(NULL));
  INVALID(ek_session_output_data(NULL, 0, &out, NULL));
  INVALID(ek_session_get_output(NULL, 0, &tensor, 4));
  INVALID(ek_session_node_info(NULL, 0, &node));
  CHECK(ek_session_state_count(NULL) == 0);
  INVALID(ek_session_state_info(NULL, 0, &tensor));
  INVALID(ek_session_get_state(NULL, 0, &tensor, 4));
  INVALID(ek_session_set_state(NULL, 0, &tensor, 4));
  INVALID(ek_session_reset_state(NULL));
}

/* The model States-counter: y is x plus all x before, from 2.5 on; n counts the runs from {3, 4}. */
static void check_states(ek_env *env, const test_model *m) {
  ek_model *model = NULL;
  ek_session *s = NULL;
  ek_tensor_info tensor = {.struct_size = sizeof tensor};
  const float x[4] = {1, 2, 3, 4}, preset[4] = {10, 20, 30, 40};
  float y[4];
  int32_t n[2];
  CHECK(ek_model_load_memory(env, m->data, m->size, &model) == EK_OK);
  CHECK(ek_session_create(env, model, NULL, &s) == EK_OK);
  CHECK(ek_session_input_count(s) == 1 && ek_session_output_count(s) == 2 && ek_session_state_count(s) == 2);
  CHECK(ek_session_state_info(s, 1, &tensor) == EK_OK && strcmp(tensor.name, "count") == 0 && tensor.dtype == EK_I32 &&
        tensor.bytes == 8);
  INVALID(ek_session_state_info(s, 2, &tensor));
  INVALID(ek_session_get_state(s, 0, y, 12));
  INVALID(ek_session_get_state(s, 0, NULL, 16));
  INVALID(ek_session_set_state(s, 2, y, 16));
  INVALID(ek_session_input_info(s, 1, &tensor));
  INVALID(ek_session_output_info(s, 2, &tensor));
  for (int run = 1; run <= 3; run++) {
    CHECK(ek_session_set_input(s, 0, x, sizeof x) == EK_OK && ek_session_run(s) == EK_OK);
    CHECK(ek_session_get_output(s, 0, y, sizeof y) == EK_OK && y[3] == 2.5f + 4.0f * (float)run);
    CHECK(ek_session_get_output(s, 1, n, sizeof n) == EK_OK && n[0] == 3 + run && n[1] == 4 + run);
  }
  CHECK(ek_session_get_state(s, 1, n, sizeof n) == EK_OK && n[1] == 7);
  CHECK(ek_session_set_state(s, 0, preset, sizeof preset) == EK_OK);
  CHECK(ek_session_get_output(s, 0, y, sizeof y) == EK_OK && y[3] == 14.5f);
  CHECK(ek_session_set_input(s, 0, x, sizeof x) == EK_OK && ek_session_run(s) == EK_OK);
  CHECK(ek_session_get_output(s, 0, y, sizeof y) == EK_OK && y[0] == 11.0f && y[3] == 44.0f);
  CHECK(ek_session_reset_state(s) == EK_OK && ek_session_get_state(s, 0, y, sizeof y) == EK_OK && y[2] == 2.5f);
  CHECK(ek_session_get_state(s, 1, n, sizeof n) == EK_OK && n[0] == 3 && n[1] == 4);
  ek_session_destroy(s);
  /* A cancelled run leaves the states. */
  const ek_session_options cancelled = {.struct_size = sizeof cancelled, .keep_going = stop};
  CHECK(ek_session_create(env, model, &cancelled, &s) == EK_OK);
  CHECK(ek_session_run(s) == EK_ERR_CANCELLED);
  CHECK(ek_session_get_state(s, 1, n, sizeof n) == EK_OK && n[0] == 3);
  ek_session_destroy(s);
  ek_model_destroy(model);
}

static void check_session(ek_session *s) {
  const size_t inputs = ek_session_input_count(s), outputs = ek_session_output_count(s),
               nodes = ek_session_node_count(s);
  ek_tensor_info tensor = {.struct_size = sizeof tensor};
  ek_node_info node = {.struct_size = sizeof node};
  const void *out = NULL;
  void *data = NULL;
  CHECK(inputs >= 1 && outputs >= 1 && nodes >= 1);
  INVALID(ek_session_memory(s, NULL));
  INVALID(ek_session_input_info(s, inputs, &tensor));
  INVALID(ek_session_input_info(s, 0, NULL));
  INVALID(ek_session_output_info(s, outputs, &tensor));
  INVALID(ek_session_node_info(s, nodes, &node));
  INVALID(ek_session_input_data(s, inputs, &data, NULL));
  INVALID(ek_session_input_data(s, 0, NULL, NULL));
  INVALID(ek_session_output_data(s, 0, &out, NULL));
  CHECK(strstr(ek_session_error(s), "no successful run") != NULL);
  CHECK(ek_session_input_info(s, 0, &tensor) == EK_OK);
  INVALID(ek_session_set_input(s, 0, &tensor, tensor.bytes + 1));
  INVALID(ek_session_set_input(s, 0, NULL, tensor.bytes));
  INVALID(ek_session_set_input(s, inputs, &tensor, tensor.bytes));
  INVALID(ek_session_resize_input(s, inputs, tensor.dims, tensor.rank));
  INVALID(ek_session_resize_input(s, 0, NULL, 1));
  CHECK(ek_session_resize_input(s, 0, tensor.dims, tensor.rank + 1) == EK_ERR_SHAPE);
  tensor.dims[0]++;
  CHECK(ek_session_resize_input(s, 0, tensor.dims, tensor.rank) == EK_ERR_SHAPE);
  tensor.dims[0] = -1;
  CHECK(ek_session_resize_input(s, 0, tensor.dims, tensor.rank) == EK_ERR_SHAPE);
  test_fill_inputs(s, 0);
  CHECK(ek_session_run(s) == EK_OK);
  CHECK(ek_session_output_info(s, 0, &tensor) == EK_OK && ek_session_output_data(s, 0, &out, NULL) == EK_OK);
  INVALID(ek_session_get_output(s, 0, &tensor, tensor.bytes + 1));
  INVALID(ek_session_get_output(s, 0, NULL, tensor.bytes));
  INVALID(ek_session_output_data(s, outputs, &out, NULL));
  /* An older caller, whose struct ends early: nothing behind it is written. */
  ek_node_info old = {.struct_size = offsetof(ek_node_info, kernel), .kernel = "untouched"};
  CHECK(ek_session_node_info(s, 0, &old) == EK_OK && strcmp(old.kernel, "untouched") == 0 &&
        strcmp(old.backend, "cpu") == 0);
}

int main(void) {
  const size_t count = test_load_corpus(models);
  size_t reshape = 0;
  while (reshape + 1 < count && strstr(models[reshape].path, "/Reshape-") == NULL) {
    reshape++;
  }
  size_t states = 0;
  while (states + 1 < count && strstr(models[states].path, "/States-") == NULL) {
    states++;
  }
  ek_env *env = NULL;
  ek_model *model = NULL;
  ek_session *session = NULL;
  check_library();
  check_env();
  CHECK(ek_env_create(NULL, &env) == EK_OK);
  check_model(env, &models[reshape]);
  CHECK(ek_model_load_memory(env, models[reshape].data, models[reshape].size, &model) == EK_OK);
  check_create(env, model);
  check_null_session();
  check_states(env, &models[states]);
  CHECK(ek_session_create(env, model, NULL, &session) == EK_OK);
  check_session(session);
  ek_session_destroy(session);
  const ek_session_options cancelled = {.struct_size = sizeof cancelled, .keep_going = stop};
  CHECK(ek_session_create(env, model, &cancelled, &session) == EK_OK);
  CHECK(ek_session_run(session) == EK_ERR_CANCELLED);
  ek_session_destroy(session);
  ek_model_destroy(model);
  ek_env_destroy(env);
  test_free_corpus(models, count);
  return check_result();
}
