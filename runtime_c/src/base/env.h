/* What sessions and models share: the allocator, the CPU features to use, the text of the last failure. */
#ifndef EK_BASE_ENV_H
#define EK_BASE_ENV_H

#include <stdatomic.h>

#include "base/error.h"

struct ek_env {
  ek_allocator allocator;
  uint64_t cpu_features; /* EK_CPU_* */
  const char *cache_dir; /* NULL: none */
  char features[160];    /* their names */
  atomic_flag lock;      /* of `error`: threads may share an env */
  ek_error error;
};

/* Keeps the failure for ek_env_error and returns its status. */
ek_status ek_env_keep_error(ek_env *env, const ek_error *error);

#endif
