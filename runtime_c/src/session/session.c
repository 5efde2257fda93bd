/* Making and ending sessions. Nothing is allocated before the exact sizes are known; run allocates nothing. */
#include "session/session.h"

#include <string.h>

#include "base/allocator.h"
#include "base/sizes.h"

#define MAX_BACKENDS 16

ek_status ek_session_read_options(const ek_session_options *given, ek_session_options *o, ek_error *error) {
  memset(o, 0, sizeof *o);
  if (given != NULL) {
    if (given->struct_size < sizeof given->struct_size) {
      return ek_fail(error, EK_ERR_INVALID_ARGUMENT, "ek_session_options: struct_size is not set");
    }
    memcpy(o, given, given->struct_size < sizeof *o ? given->struct_size : sizeof *o);
  }
  if (o->threads < 0 || o->threads > 256) {
    return ek_fail(error, EK_ERR_INVALID_ARGUMENT, "threads is %d; 0 to 256 are possible", (int)o->threads);
  }
  if (o->backend_count > MAX_BACKENDS || (o->backends == NULL && o->backend_count != 0)) {
    return ek_fail(error, EK_ERR_INVALID_ARGUMENT, "backends: %zu back ends given; up to %d are possible",
                   o->backend_count, MAX_BACKENDS);
  }
  for (size_t i = 0; i < o->backend_count; i++) {
    if (o->backends[i] == NULL) {
      return ek_fail(error, EK_ERR_INVALID_ARGUMENT, "back end %zu is NULL: this build does not have it", i);
    }
    for (size_t k = 0; k < i; k++) {
      if (o->backends[i] == o->backends[k]) {
        return ek_fail(error, EK_ERR_INVALID_ARGUMENT, "back end '%s' is listed twice", o->backends[i]->name);
      }
    }
  }
  if (o->arena != NULL && (uintptr_t)o->arena % EK_ALIGNMENT != 0) {
    return ek_fail(error, EK_ERR_INVALID_ARGUMENT, "the arena is not aligned to %d bytes", EK_ALIGNMENT);
  }
  return EK_OK;
}

static void bind(ek_session *s) {
  uint8_t *at = s->buffers;
  for (uint32_t i = 0; i < s->model->order_count; i++) {
    ek_exec_graph *g = &s->graphs[s->model->order[i]];
    for (uint32_t k = 0; k < g->spec->tensor_count; k++) {
      if (!g->tensors[k].is_constant) {
        g->tensors[k].data = at + g->spec->tensors[k].arena_offset;
      }
    }
    at += g->spec->arena_bytes;
  }
  uint8_t *scratch = at + s->memory.packed_bytes;
  for (uint32_t i = 0; i < s->model->order_count; i++) {
    ek_exec_graph *g = &s->graphs[s->model->order[i]];
    for (uint32_t k = 0; k < g->spec->node_count; k++) {
      g->nodes[k].ctx.state = at;
      g->nodes[k].ctx.scratch = scratch;
      at += g->nodes[k].state_bytes;
    }
  }
}

static ek_status init_nodes(ek_session *s, ek_error *error) {
  for (uint32_t i = 0; i < s->model->order_count; i++) {
    ek_exec_graph *g = &s->graphs[s->model->order[i]];
    for (uint32_t k = 0; k < g->spec->node_count; k++) {
      ek_exec_node *n = &g->nodes[k];
      n->ctx.error = error;
      if (n->backend == ek_backend_cpu() && n->spec->row->op->init != NULL) {
        EK_TRY(n->spec->row->op->init(&n->ctx));
      }
    }
  }
  return EK_OK;
}

/* The thread pool lives among the session's records. */
static void *pool_alloc(void *user, size_t size, size_t alignment) {
  (void)size;
  (void)alignment;
  return user;
}

static void pool_free(void *user, void *memory) {
  (void)user;
  (void)memory;
}

static ek_status start_threads(ek_session *s, ek_error *error) {
  const ek_allocator place = {pool_alloc, pool_free, s->pool_memory};
  EK_TRY(ek_thread_pool_create(&place, s->threads, &s->pool, error));
  for (uint32_t i = 0; i < s->model->graph_count; i++) {
    for (uint32_t k = 0; k < s->graphs[i].spec->node_count; k++) {
      s->graphs[i].nodes[k].ctx.pool = s->pool;
    }
  }
  return EK_OK;
}

static ek_status start(ek_session *s, const ek_session_options *options, ek_error *error) {
  const size_t buffer_bytes = s->memory.total_bytes - s->memory.overhead_bytes;
  if (options->arena != NULL) {
    if (options->arena_size < s->memory.total_bytes) {
      return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "the arena has %zu bytes, the session needs %zu", options->arena_size,
                     s->memory.total_bytes);
    }
    s->buffers = (uint8_t *)options->arena + s->memory.overhead_bytes;
  } else {
    s->buffers = s->owned_buffers = ek_allocate(&s->env->allocator, buffer_bytes);
    if (s->buffers == NULL) {
      return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory for %zu bytes of activations and weights", buffer_bytes);
    }
  }
  memset(s->buffers, 0, s->memory.activation_bytes);
  bind(s);
  ek_session_first_states(s);
  EK_TRY(init_nodes(s, error));
  for (uint32_t b = 0; b + 1 < s->backend_count; b++) {
    if (s->backends[b].is_open) {
      EK_TRY(s->backends[b].backend->prepare(s->backends[b].state, error));
    }
  }
  ek_session_make_steps(s);
  return start_threads(s, error);
}

/* Records in the caller's arena or in memory of their own, then the plan. */
static ek_status open_session(ek_env *env, const ek_model *model, const ek_session_options *options, bool in_arena,
                              ek_session **out, ek_error *error) {
  *out = NULL;
  ek_arena arena = {0};
  ek_session *s = NULL;
  ek_session_place(&arena, model, options, &s);
  const size_t bytes = arena.used;
  void *owned = NULL;
  if (in_arena) {
    if (options->arena_size < bytes) {
      return ek_fail(error, EK_ERR_OUT_OF_MEMORY,
                     "the arena has %zu bytes, too few even for the session's records of %zu", options->arena_size,
                     bytes);
    }
    arena.base = options->arena;
  } else {
    arena.base = owned = ek_allocate(&env->allocator, bytes);
    if (owned == NULL) {
      return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory for the session's records of %zu bytes", bytes);
    }
  }
  arena.capacity = bytes;
  arena.used = 0;
  ek_session_place(&arena, model, options, &s);
  s->env = env;
  s->owned_records = owned;
  *out = s;
  return ek_session_plan(s, error);
}

void ek_session_destroy(ek_session *s) {
  if (s == NULL) {
    return;
  }
  ek_thread_pool_destroy(s->pool);
  ek_session_close_backends(s);
  const ek_allocator allocator = s->env->allocator;
  ek_release(&allocator, s->owned_buffers);
  ek_release(&allocator, s->owned_records); /* ends with s itself */
}

static ek_status check_handles(ek_env *env, const ek_model *model, ek_error *error) {
  if (env == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  return model != NULL ? EK_OK : ek_fail(error, EK_ERR_INVALID_ARGUMENT, "model is NULL");
}

static ek_status create(ek_env *env, const ek_model *model, const ek_session_options *given, ek_session **out,
                        ek_error *error) {
  ek_session_options options;
  EK_TRY(ek_session_read_options(given, &options, error));
  ek_session *s = NULL;
  ek_status status = open_session(env, model, &options, options.arena != NULL, &s, error);
  if (status == EK_OK) {
    status = start(s, &options, error);
  }
  if (status != EK_OK) {
    ek_session_destroy(s);
    return status;
  }
  *out = s;
  return EK_OK;
}

static ek_status query(ek_env *env, const ek_model *model, const ek_session_options *given, ek_memory_info *info,
                       ek_error *error) {
  ek_session_options options;
  EK_TRY(ek_session_read_options(given, &options, error));
  ek_session *s = NULL;
  const ek_status status = open_session(env, model, &options, false, &s, error);
  if (status == EK_OK) {
    *info = s->memory;
  }
  ek_session_destroy(s);
  return status;
}

/* Fills as much of the caller's struct as the caller knows. */
static ek_status give_memory_info(const ek_memory_info *from, ek_memory_info *info) {
  const size_t size = info->struct_size < sizeof *info ? info->struct_size : sizeof *info;
  memcpy((char *)info + sizeof info->struct_size, (const char *)from + sizeof from->struct_size,
         size - sizeof info->struct_size);
  return EK_OK;
}

ek_status ek_session_query_memory(ek_env *env, const ek_model *model, const ek_session_options *options,
                                  ek_memory_info *info) {
  ek_error error = {0};
  ek_memory_info found = {0};
  ek_status status = check_handles(env, model, &error);
  if (env == NULL || (status == EK_OK && (info == NULL || info->struct_size < sizeof info->struct_size))) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  if (status == EK_OK) {
    status = query(env, model, options, &found, &error);
  }
  return status == EK_OK ? give_memory_info(&found, info) : ek_env_keep_error(env, &error);
}

ek_status ek_session_create(ek_env *env, const ek_model *model, const ek_session_options *options,
                            ek_session **session) {
  if (session == NULL || env == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  *session = NULL;
  ek_error error = {0};
  ek_status status = check_handles(env, model, &error);
  if (status == EK_OK) {
    status = create(env, model, options, session, &error);
  }
  return status == EK_OK ? EK_OK : ek_env_keep_error(env, &error);
}

ek_status ek_session_memory(const ek_session *session, ek_memory_info *info) {
  if (session == NULL || info == NULL || info->struct_size < sizeof info->struct_size) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  return give_memory_info(&session->memory, info);
}
