/* Everything that must be known before memory is asked for: shapes, who runs what, what operators need. */
#include <string.h>

#include "backends/cpu/cpu.h"
#include "base/sizes.h"
#include "session/session.h"

static ek_status prepare_node(ek_session *s, ek_exec_node *n, ek_error *error) {
  ek_op_memory memory = {0};
  n->ctx.cpu_features = s->env->cpu_features;
  n->ctx.error = error;
  if (n->spec->row->op->prepare != NULL) {
    const ek_status status = n->spec->row->op->prepare(&n->ctx, &memory);
    if (status != EK_OK) {
      return status == EK_SHAPE_NOT_YET
                 ? ek_fail(error, EK_ERR_UNSUPPORTED, "node '%s' needs shapes known in advance", n->ctx.name)
                 : status;
    }
  }
  n->kernel = memory.kernel != NULL ? memory.kernel : "";
  n->ctx.scratch_bytes = memory.scratch_bytes;
  n->state_bytes = ek_align_size(memory.state_bytes);
  s->memory.packed_bytes = ek_add_size(s->memory.packed_bytes, n->state_bytes);
  const size_t scratch = ek_align_size(memory.scratch_bytes);
  s->memory.scratch_bytes = scratch > s->memory.scratch_bytes ? scratch : s->memory.scratch_bytes;
  return EK_OK;
}

/* Bodies come before the nodes that call them, whose `shape` looks at the bodies' outputs. */
static ek_status for_each_node(ek_session *s, ek_status (*visit)(ek_session *, ek_exec_graph *, uint32_t, ek_error *),
                               ek_error *error) {
  for (uint32_t i = 0; i < s->model->order_count; i++) {
    ek_exec_graph *g = &s->graphs[s->model->order[i]];
    for (uint32_t k = 0; k < g->spec->node_count; k++) {
      EK_TRY(visit(s, g, k, error));
    }
  }
  return EK_OK;
}

static ek_status visit_shape(ek_session *s, ek_exec_graph *g, uint32_t node, ek_error *error) {
  (void)s;
  return ek_cpu_shape_node(g, node, error);
}

static ek_status visit_prepare(ek_session *s, ek_exec_graph *g, uint32_t node, ek_error *error) {
  ek_exec_node *n = &g->nodes[node];
  return n->backend == ek_backend_cpu() ? prepare_node(s, n, error) : EK_OK;
}

ek_status ek_session_plan(ek_session *s, ek_error *error) {
  EK_TRY(for_each_node(s, visit_shape, error));
  ek_session_choose_backends(s);
  EK_TRY(for_each_node(s, visit_prepare, error));
  ek_memory_info *m = &s->memory;
  for (uint32_t i = 0; i < s->model->order_count; i++) {
    m->activation_bytes = ek_add_size(m->activation_bytes, s->model->graphs[s->model->order[i]].arena_bytes);
  }
  m->total_bytes =
      ek_add_size(ek_add_size(m->overhead_bytes, m->activation_bytes), ek_add_size(m->packed_bytes, m->scratch_bytes));
  if (m->total_bytes == SIZE_MAX) {
    return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "the model needs more memory than an address space holds");
  }
  return EK_OK;
}
