/* What control flow sees of a session (ek_subgraph_api in ops/op.h). */
#include <string.h>

#include "backends/cpu/cpu.h"
#include "session/session.h"

static ek_exec_graph *graph_of(void *session, int32_t graph) { return &((ek_session *)session)->graphs[graph]; }

static uint32_t input_count(void *session, int32_t graph) { return graph_of(session, graph)->spec->input_count; }

static uint32_t output_count(void *session, int32_t graph) { return graph_of(session, graph)->spec->output_count; }

static ek_tensor *input_of(void *session, int32_t graph, uint32_t index) {
  const ek_exec_graph *g = graph_of(session, graph);
  return index < g->spec->input_count ? &g->tensors[g->spec->inputs[index]] : NULL;
}

static ek_tensor *output_of(void *session, int32_t graph, uint32_t index) {
  const ek_exec_graph *g = graph_of(session, graph);
  return index < g->spec->output_count ? &g->tensors[g->spec->outputs[index]] : NULL;
}

static const ek_tensor *input(void *session, int32_t graph, uint32_t index) { return input_of(session, graph, index); }

static const ek_tensor *output(void *session, int32_t graph, uint32_t index) {
  return output_of(session, graph, index);
}

/* Copies between memory that never overlaps: graphs have arenas of their own. */
static ek_status copy(ek_tensor *to, const ek_model_tensor *limit, const ek_tensor *from, ek_error *error) {
  const size_t bytes = ek_tensor_bytes(from);
  bool fits = to->dtype == from->dtype && to->rank == from->rank && bytes <= to->capacity;
  for (uint32_t i = 0; i < from->rank && fits; i++) {
    const bool fixed = limit != NULL ? ek_is_fixed_dim(limit, i) : !to->is_dynamic;
    fits = fixed ? from->dims[i] == to->dims[i] : limit == NULL || from->dims[i] <= limit->dims[i];
  }
  if (!fits) {
    return ek_fail(error, EK_ERR_SHAPE, "'%s' does not fit '%s' at the border of a subgraph", from->name, to->name);
  }
  memcpy(to->dims, from->dims, sizeof to->dims);
  if (bytes != 0) {
    memcpy(to->data, from->data, bytes);
  }
  return EK_OK;
}

static ek_status set_input(void *session, int32_t graph, uint32_t index, const ek_tensor *value, ek_error *error) {
  ek_tensor *t = input_of(session, graph, index);
  if (t == NULL) {
    return ek_fail(error, EK_ERR_SHAPE, "a subgraph has no input %u", index);
  }
  const ek_exec_graph *g = graph_of(session, graph);
  return copy(t, &g->spec->tensors[g->spec->inputs[index]], value, error);
}

static ek_status get_output(void *session, int32_t graph, uint32_t index, ek_tensor *to, ek_error *error) {
  const ek_tensor *t = output_of(session, graph, index);
  return t != NULL ? copy(to, NULL, t, error) : ek_fail(error, EK_ERR_SHAPE, "a subgraph has no output %u", index);
}

static ek_status execute(void *session, int32_t graph, ek_error *error) {
  ek_exec_graph *g = graph_of(session, graph);
  /* A body may have no node that would ask. */
  if (g->keep_going != NULL && !g->keep_going(g->keep_going_user)) {
    return ek_fail(error, EK_ERR_CANCELLED, "cancelled in subgraph '%s'", g->spec->name);
  }
  return ek_cpu_run_nodes(g, 0, g->spec->node_count, error);
}

void ek_session_link_subgraphs(ek_session *s) {
  s->subgraphs = (ek_subgraph_api){s, input_count, output_count, input, output, set_input, execute, get_output};
}
