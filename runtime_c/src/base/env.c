#include "base/env.h"

#include <string.h>

#include "base/allocator.h"
#include "base/cpu.h"

static ek_status choose_features(const char *isa, uint64_t *features) {
  uint64_t mask = 0;
  if (isa != NULL && ek_cpu_parse_isa(isa, &mask) != 0) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  *features = ek_cpu_detect() & (isa != NULL ? mask : UINT64_MAX);
  return EK_OK;
}

static void list_features(ek_env *env) {
  size_t used = 0;
  for (unsigned bit = 0; bit < 64; bit++) {
    const char *name = env->cpu_features >> bit & 1 ? ek_cpu_feature_name(UINT64_C(1) << bit) : NULL;
    const size_t length = name != NULL ? strlen(name) : 0;
    if (length != 0 && used + length + 2 <= sizeof env->features) {
      if (used != 0) {
        env->features[used++] = ' ';
      }
      memcpy(env->features + used, name, length);
      used += length;
    }
  }
  env->features[used] = 0;
}

ek_status ek_env_create(const ek_env_options *options, ek_env **out) {
  if (out == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  *out = NULL;
  ek_env_options o = {0};
  if (options != NULL) {
    if (options->struct_size < sizeof options->struct_size) {
      return EK_ERR_INVALID_ARGUMENT;
    }
    memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
  }
  if (o.allocator != NULL && (o.allocator->alloc == NULL || o.allocator->free == NULL)) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  uint64_t features = 0;
  EK_TRY(choose_features(o.isa, &features));
  const ek_allocator allocator = o.allocator != NULL ? *o.allocator : ek_allocator_default();
  const size_t dir_bytes = o.cache_dir != NULL ? strlen(o.cache_dir) + 1 : 0;
  ek_env *env = ek_allocate(&allocator, sizeof *env + dir_bytes);
  if (env == NULL) {
    return EK_ERR_OUT_OF_MEMORY;
  }
  memset(env, 0, sizeof *env);
  env->allocator = allocator;
  env->cpu_features = features;
  atomic_flag_clear(&env->lock);
  if (dir_bytes != 0) {
    env->cache_dir = memcpy(env + 1, o.cache_dir, dir_bytes);
  }
  list_features(env);
  *out = env;
  return EK_OK;
}

void ek_env_destroy(ek_env *env) {
  if (env != NULL) {
    const ek_allocator allocator = env->allocator;
    ek_release(&allocator, env);
  }
}

const char *ek_env_cpu_features(const ek_env *env) { return env != NULL ? env->features : ""; }

ek_status ek_env_keep_error(ek_env *env, const ek_error *error) {
  while (atomic_flag_test_and_set_explicit(&env->lock, memory_order_acquire)) {
  }
  env->error = *error;
  atomic_flag_clear_explicit(&env->lock, memory_order_release);
  return error->status;
}

size_t ek_env_error(ek_env *env, char *text, size_t text_size) {
  ek_error copy = {0};
  if (env != NULL) {
    while (atomic_flag_test_and_set_explicit(&env->lock, memory_order_acquire)) {
    }
    copy = env->error;
    atomic_flag_clear_explicit(&env->lock, memory_order_release);
  }
  const size_t length = strlen(copy.text);
  if (text != NULL && text_size != 0) {
    const size_t kept = length < text_size ? length : text_size - 1;
    memcpy(text, copy.text, kept);
    text[kept] = 0;
  }
  return length + 1;
}
