#include "model/model.h"

#include <string.h>

#include "base/allocator.h"
#include "base/env.h"

ek_status ek_model_load_file(ek_env *env, const char *path, ek_model **model) {
  if (env == NULL || path == NULL || model == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  *model = NULL;
  ek_error error = {0};
  ek_file file;
  ek_status status = ek_file_open(&env->allocator, path, &file, &error);
  if (status == EK_OK) {
    status = ek_model_create(&env->allocator, &file, model, &error);
  }
  return status == EK_OK ? EK_OK : ek_env_keep_error(env, &error);
}

static ek_status load_memory(ek_env *env, const void *data, size_t size, ek_model **model, ek_error *error) {
  ek_file file = {.data = data, .size = size};
  if ((uintptr_t)data % EK_ALIGNMENT != 0) {
    file.memory = ek_allocate(&env->allocator, size);
    if (file.memory == NULL) {
      return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory for a copy of the model (%zu bytes, not aligned)", size);
    }
    file.data = memcpy(file.memory, data, size);
  }
  return ek_model_create(&env->allocator, &file, model, error);
}

ek_status ek_model_load_memory(ek_env *env, const void *data, size_t size, ek_model **model) {
  if (env == NULL || data == NULL || model == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  *model = NULL;
  ek_error error = {0};
  const ek_status status = load_memory(env, data, size, model, &error);
  return status == EK_OK ? EK_OK : ek_env_keep_error(env, &error);
}

size_t ek_model_metadata_count(const ek_model *model) { return model != NULL ? model->metadata_count : 0; }

ek_status ek_model_metadata(const ek_model *model, size_t index, const char **key, const char **value) {
  if (model == NULL || key == NULL || value == NULL || index >= model->metadata_count) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  *key = model->metadata[index].key;
  *value = model->metadata[index].value;
  return EK_OK;
}
