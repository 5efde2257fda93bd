/* The session's records, and their first contents. */
#include <string.h>

#include "base/sizes.h"
#include "session/session.h"

static void fill_tensor(ek_tensor *t, const ek_model_tensor *spec) {
  t->data = (void *)(uintptr_t)spec->data;
  t->quant = spec->quant.count != 0 ? &spec->quant : NULL;
  t->name = spec->name;
  t->capacity = spec->bytes;
  memcpy(t->dims, spec->dims, sizeof t->dims);
  t->rank = spec->rank;
  t->dtype = spec->dtype;
  t->is_constant = spec->data != NULL;
  t->is_dynamic = spec->is_dynamic;
}

static void place_graph(ek_arena *arena, const ek_model_graph *spec, bool with_fallback, ek_exec_graph *g) {
  size_t ports = 0;
  for (uint32_t i = 0; i < spec->node_count; i++) {
    ports = ek_add_size(ports, (size_t)spec->nodes[i].input_count + spec->nodes[i].output_count);
  }
  ek_tensor *tensors = ek_arena_take(arena, spec->tensor_count, sizeof *tensors);
  ek_exec_node *nodes = ek_arena_take(arena, spec->node_count, sizeof *nodes);
  ek_tensor **port = ek_arena_take(arena, ports, sizeof *port);
  uint8_t *loose = ek_arena_take(arena, spec->tensor_count, 1);
  char *fallback = with_fallback ? ek_arena_take(arena, spec->node_count, EK_FALLBACK_TEXT) : NULL;
  if (g == NULL) {
    return;
  }
  g->spec = spec;
  g->tensors = tensors;
  g->nodes = nodes;
  g->loose = loose;
  for (uint32_t i = 0; i < spec->tensor_count; i++) {
    fill_tensor(&tensors[i], &spec->tensors[i]);
  }
  for (uint32_t i = 0; i < spec->node_count; i++) {
    const ek_model_node *n = &spec->nodes[i];
    ek_exec_node *node = &nodes[i];
    node->spec = n;
    node->kernel = "";
    node->backend = ek_backend_cpu();
    node->fallback = fallback != NULL ? fallback + (size_t)i * EK_FALLBACK_TEXT : NULL;
    node->ctx.attrs = &n->attrs;
    node->ctx.name = n->name;
    node->ctx.inputs = port;
    node->ctx.input_count = n->input_count;
    for (uint32_t k = 0; k < n->input_count; k++) {
      *port++ = n->inputs[k] >= 0 ? &tensors[n->inputs[k]] : NULL;
    }
    node->ctx.outputs = port;
    node->ctx.output_count = n->output_count;
    for (uint32_t k = 0; k < n->output_count; k++) {
      *port++ = n->outputs[k] >= 0 ? &tensors[n->outputs[k]] : NULL;
    }
  }
}

static bool is_cpu(const ek_backend *backend) { return backend == ek_backend_cpu(); }

/* Back ends other than the CPU, up to the CPU's place in the list: it takes everything. */
static uint32_t count_devices(const ek_session_options *options) {
  uint32_t count = 0;
  while (options->backends != NULL && count < options->backend_count && !is_cpu(options->backends[count])) {
    count++;
  }
  return count;
}

void ek_session_place(ek_arena *arena, const ek_model *model, const ek_session_options *options, ek_session **out) {
  const uint32_t devices = count_devices(options), threads = options->threads > 1 ? (uint32_t)options->threads : 1;
  const ek_model_graph *main_graph = &model->graphs[0];
  ek_session *s = ek_arena_take(arena, 1, sizeof *s);
  ek_exec_graph *graphs = ek_arena_take(arena, model->graph_count, sizeof *graphs);
  ek_backend_slot *backends = ek_arena_take(arena, (size_t)devices + 1, sizeof *backends);
  uint8_t *pool_memory = threads > 1 ? ek_arena_take(arena, 1, ek_thread_pool_bytes(threads)) : NULL;
  /* Each node is a run of its own at worst, and each value crosses to and from each device once. */
  const size_t steps =
      devices == 0 ? 1
                   : ek_add_size(main_graph->node_count, ek_mul_size(main_graph->tensor_count, 2 * (size_t)devices));
  ek_step *step = ek_arena_take(arena, steps, sizeof *step);
  uint32_t *residence = devices != 0 ? ek_arena_take(arena, main_graph->tensor_count, sizeof *residence) : NULL;
  for (uint32_t i = 0; i < model->graph_count; i++) {
    place_graph(arena, &model->graphs[i], i == 0 && devices != 0, graphs != NULL ? &graphs[i] : NULL);
  }
  *out = s;
  if (s == NULL) {
    return;
  }
  s->model = model;
  s->graphs = graphs;
  s->backends = backends;
  s->pool_memory = pool_memory;
  s->steps = step;
  s->residence = residence;
  s->threads = threads;
  s->backend_count = devices + 1;
  for (uint32_t i = 0; i < devices; i++) {
    backends[i].backend = options->backends[i];
  }
  backends[devices].backend = ek_backend_cpu();
  s->memory.overhead_bytes = arena->used;
  ek_session_link_subgraphs(s);
  for (uint32_t i = 0; i < model->graph_count; i++) {
    graphs[i].profile = options->profile;
    graphs[i].keep_going = options->keep_going;
    graphs[i].keep_going_user = options->keep_going_user;
    for (uint32_t k = 0; k < graphs[i].spec->node_count; k++) {
      graphs[i].nodes[k].ctx.threads = threads;
      graphs[i].nodes[k].ctx.subgraphs = &s->subgraphs;
    }
    for (uint32_t k = 0; k < graphs[i].spec->input_count; k++) {
      /* Bodies of control flow get whatever the outside computes. */
      graphs[i].loose[graphs[i].spec->inputs[k]] = i != 0 && graphs[i].tensors[graphs[i].spec->inputs[k]].is_dynamic;
    }
  }
}
