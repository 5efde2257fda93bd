/* The rules a graph must keep beyond the schema, so that sessions and operators need not doubt it. */
#include <string.h>

#include "base/allocator.h"
#include "base/sizes.h"
#include "ek_schema_gen.h"
#include "model/model.h"

typedef struct checker {
  const ek_model_graph *graph;
  uint8_t *defined; /* by tensor: has a value at this point of the order */
  uint32_t *sorted; /* scratch: one index a graph input */
  ek_error *error;
} checker;

static ek_status bad_node(const checker *c, const ek_model_node *n, const char *what) {
  return ek_fail(c->error, EK_ERR_BAD_MODEL, "graph '%s', node '%s' (%s): %s", c->graph->name, n->name, n->row->name,
                 what);
}

static const ek_port_rule *port_of(const ek_port_rule *ports, uint32_t port_count, uint32_t i) {
  if (i < port_count) {
    return &ports[i];
  }
  return port_count != 0 && ports[port_count - 1].variadic ? &ports[port_count - 1] : NULL;
}

/* Ports that have no tensor although they need one. */
static bool misses_tensors(const ek_port_rule *ports, uint32_t port_count, uint32_t given) {
  for (uint32_t i = 0; i < port_count; i++) {
    if (ports[i].variadic) {
      return given < i + ports[i].min_count;
    }
    if (i >= given && !ports[i].optional) {
      return true;
    }
  }
  return false;
}

/* `types` maps type variables to what they stand for in this node. */
static ek_status check_type(const checker *c, const ek_model_node *n, const ek_port_rule *port, int32_t index,
                            uint8_t *types) {
  const ek_model_tensor *t = &c->graph->tensors[index];
  if ((port->dtypes >> t->dtype & 1) == 0) {
    return bad_node(c, n, "an element type that the operator does not take");
  }
  if (port->variable != 0) {
    uint8_t *type = &types[port->variable % 32];
    if (*type != 0 && *type != (uint8_t)t->dtype) {
      return bad_node(c, n, "element types that must be the same differ");
    }
    *type = (uint8_t)t->dtype;
  }
  return EK_OK;
}

static ek_status check_ports(checker *c, const ek_model_node *n) {
  uint8_t types[32] = {0};
  if (misses_tensors(n->row->inputs, n->row->input_ports, n->input_count)) {
    return bad_node(c, n, "too few inputs");
  }
  if (misses_tensors(n->row->outputs, n->row->output_ports, n->output_count)) {
    return bad_node(c, n, "too few outputs");
  }
  for (uint32_t i = 0; i < n->input_count; i++) {
    const ek_port_rule *port = port_of(n->row->inputs, n->row->input_ports, i);
    const int32_t index = n->inputs[i];
    if (port == NULL) {
      return bad_node(c, n, "too many inputs");
    }
    if (index == -1 && port->optional && !port->variadic) {
      continue;
    }
    if (index < 0 || (uint32_t)index >= c->graph->tensor_count) {
      return bad_node(c, n, "an input that is no tensor of the graph");
    }
    if (!c->defined[index]) {
      return bad_node(c, n, "an input that is not computed yet");
    }
    EK_TRY(check_type(c, n, port, index, types));
  }
  for (uint32_t i = 0; i < n->output_count; i++) {
    const ek_port_rule *port = port_of(n->row->outputs, n->row->output_ports, i);
    const int32_t index = n->outputs[i];
    if (port == NULL) {
      return bad_node(c, n, "too many outputs");
    }
    if (index == -1 && port->optional && !port->variadic) {
      continue;
    }
    if (index < 0 || (uint32_t)index >= c->graph->tensor_count) {
      return bad_node(c, n, "an output that is no tensor of the graph");
    }
    if (c->defined[index]) {
      return bad_node(c, n, "an output that is an input, a constant or computed before");
    }
    c->defined[index] = 1;
    EK_TRY(check_type(c, n, port, index, types));
  }
  return EK_OK;
}

/* How the memory of two tensors lies. */
typedef enum overlap { APART, SAME_START, PARTIAL } overlap;

static overlap overlap_of(const ek_model_tensor *a, const ek_model_tensor *b) {
  if (a->data != NULL || b->data != NULL || a->bytes == 0 || b->bytes == 0 ||
      a->arena_offset + a->bytes <= b->arena_offset || b->arena_offset + b->bytes <= a->arena_offset) {
    return APART;
  }
  return a->arena_offset == b->arena_offset ? SAME_START : PARTIAL;
}

/* Operators read while they write. An output may begin where an input begins (computing in place); Concat and Split may work on
 * parts that already lie in place. Everything else would let a file change indices after they were checked. */
static ek_status check_overlaps(const checker *c, const ek_model_node *n) {
  for (uint32_t i = 0; i < n->output_count; i++) {
    if (n->outputs[i] < 0) {
      continue;
    }
    const ek_model_tensor *out = &c->graph->tensors[n->outputs[i]];
    for (uint32_t k = 0; k < i; k++) {
      if (n->outputs[k] >= 0 && overlap_of(out, &c->graph->tensors[n->outputs[k]]) != APART) {
        return bad_node(c, n, "two outputs overlap in memory");
      }
    }
    for (uint32_t k = 0; k < n->input_count; k++) {
      if (n->inputs[k] < 0) {
        continue;
      }
      const overlap found = overlap_of(out, &c->graph->tensors[n->inputs[k]]);
      if (found == PARTIAL && !n->row->overlaps) {
        return bad_node(c, n, "an output overlaps an input in memory");
      }
      if (found == SAME_START && !n->row->overlaps && !n->row->in_place) {
        return bad_node(c, n, "an output takes the memory of an input");
      }
    }
  }
  return EK_OK;
}

static ek_status check_subgraphs(const checker *c, const ek_model *model, const ek_model_node *n) {
  for (uint32_t i = 0; i < n->row->subgraph_attrs; i++) {
    const int32_t graph = ek_subgraph_attr(n->op_id, &n->attrs, i);
    if (graph <= 0 || (uint32_t)graph >= model->graph_count) {
      return bad_node(c, n, "a subgraph that the file does not have");
    }
  }
  return EK_OK;
}

static ek_status check_plan(const checker *c) {
  for (uint32_t i = 0; i < c->graph->tensor_count; i++) {
    const ek_model_tensor *t = &c->graph->tensors[i];
    if (t->data == NULL &&
        (t->arena_offset > c->graph->arena_bytes || t->bytes > c->graph->arena_bytes - t->arena_offset)) {
      return ek_fail(c->error, EK_ERR_BAD_MODEL,
                     "graph '%s': tensor '%s' (%zu bytes at %zu) leaves the arena of %zu bytes", c->graph->name,
                     t->name, t->bytes, t->arena_offset, c->graph->arena_bytes);
    }
  }
  return EK_OK;
}

static void sift(const ek_model_graph *g, uint32_t *heap, uint32_t root, uint32_t count) {
  for (;;) {
    uint32_t child = 2 * root + 1;
    if (child >= count) {
      return;
    }
    if (child + 1 < count && g->tensors[heap[child + 1]].arena_offset > g->tensors[heap[child]].arena_offset) {
      child++;
    }
    if (g->tensors[heap[root]].arena_offset >= g->tensors[heap[child]].arena_offset) {
      return;
    }
    const uint32_t swap = heap[root];
    heap[root] = heap[child];
    heap[child] = swap;
    root = child;
  }
}

/* Heap sort: no recursion, no memory. */
static void sort_by_offset(const ek_model_graph *g, uint32_t *index, uint32_t count) {
  for (uint32_t i = count / 2; i-- > 0;) {
    sift(g, index, i, count);
  }
  for (uint32_t end = count; end-- > 1;) {
    const uint32_t swap = index[0];
    index[0] = index[end];
    index[end] = swap;
    sift(g, index, 0, end);
  }
}

/* Inputs are all filled before anything runs, so that no two may share memory. Callers fill those of the main graph up to their
 * dims, bodies of control flow get what fits. */
static ek_status check_inputs(checker *c, const ek_model *model) {
  const ek_model_graph *g = c->graph;
  uint32_t count = 0;
  for (uint32_t i = 0; i < g->input_count; i++) {
    const int32_t index = g->inputs[i];
    if (index < 0 || (uint32_t)index >= g->tensor_count || c->defined[index]) {
      return ek_fail(c->error, EK_ERR_BAD_MODEL, "graph '%s': input %u is no tensor, a constant, or listed twice",
                     g->name, i);
    }
    c->defined[index] = 1;
    const ek_model_tensor *t = &g->tensors[index];
    if (g == &model->graphs[0] && t->bytes != ek_dims_bytes(t->dtype, t->dims, t->rank)) {
      return ek_fail(c->error, EK_ERR_BAD_MODEL, "graph '%s': input '%s' has less memory than its dims take", g->name,
                     t->name);
    }
    if (t->bytes != 0) {
      c->sorted[count++] = (uint32_t)index;
    }
  }
  sort_by_offset(g, c->sorted, count);
  for (uint32_t i = 1; i < count; i++) {
    if (overlap_of(&g->tensors[c->sorted[i - 1]], &g->tensors[c->sorted[i]]) != APART) {
      return ek_fail(c->error, EK_ERR_BAD_MODEL, "graph '%s': inputs '%s' and '%s' overlap in memory", g->name,
                     g->tensors[c->sorted[i - 1]].name, g->tensors[c->sorted[i]].name);
    }
  }
  return EK_OK;
}

/* What a run gives as a state is copied to where the next run reads it. */
static ek_status check_states(const checker *c, const ek_model *model) {
  const ek_model_graph *g = c->graph;
  if (g->state_count != 0 && g != &model->graphs[0]) {
    return ek_fail(c->error, EK_ERR_BAD_MODEL, "graph '%s' has states, which only the main graph may have", g->name);
  }
  for (uint32_t i = 0; i < g->state_count; i++) {
    const ek_model_tensor *in = &g->tensors[ek_state_input(g, i)], *out = &g->tensors[ek_state_output(g, i)];
    if (in->is_dynamic || out->is_dynamic || in->dtype != out->dtype || in->rank != out->rank ||
        memcmp(in->dims, out->dims, in->rank * sizeof in->dims[0]) != 0) {
      return ek_fail(c->error, EK_ERR_BAD_MODEL, "graph '%s': state '%s' and what follows it differ in type", g->name,
                     in->name);
    }
  }
  return EK_OK;
}

static ek_status check_graph(checker *c, const ek_model *model) {
  const ek_model_graph *g = c->graph;
  EK_TRY(check_plan(c));
  for (uint32_t i = 0; i < g->tensor_count; i++) {
    c->defined[i] = g->tensors[i].data != NULL;
  }
  EK_TRY(check_inputs(c, model));
  for (uint32_t i = 0; i < g->node_count; i++) {
    EK_TRY(check_ports(c, &g->nodes[i]));
    EK_TRY(check_overlaps(c, &g->nodes[i]));
    EK_TRY(check_subgraphs(c, model, &g->nodes[i]));
  }
  for (uint32_t i = 0; i < g->output_count; i++) {
    if (g->outputs[i] < 0 || (uint32_t)g->outputs[i] >= g->tensor_count || !c->defined[g->outputs[i]]) {
      return ek_fail(c->error, EK_ERR_BAD_MODEL, "graph '%s': output '%s' is never computed", g->name,
                     g->output_names[i]);
    }
  }
  return check_states(c, model);
}

ek_status ek_model_check_graph(const ek_allocator *allocator, const ek_model *model, uint32_t graph, ek_error *error) {
  checker c = {.graph = &model->graphs[graph], .error = error};
  const size_t marks = ek_align_size(c.graph->tensor_count);
  uint8_t *memory = ek_allocate(allocator, ek_add_size(marks, ek_mul_size(c.graph->input_count, sizeof *c.sorted)));
  if (memory == NULL) {
    return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory to check the model");
  }
  c.defined = memory;
  c.sorted = (uint32_t *)(void *)(memory + marks);
  const ek_status status = check_graph(&c, model);
  ek_release(allocator, memory);
  return status;
}

typedef struct frame {
  uint32_t graph;
  uint32_t node;
  uint32_t attr;
} frame;

/* Depth first from the main graph, without recursion: hostile files must not choose the depth of the C stack. */
static ek_status order_graphs(const ek_model *model, frame *stack, uint8_t *state, uint32_t *order, uint32_t *count,
                              ek_error *error) {
  enum { NEW, OPEN, DONE };
  uint32_t depth = 1;
  stack[0] = (frame){0, 0, 0};
  state[0] = OPEN;
  while (depth != 0) {
    frame *top = &stack[depth - 1];
    const ek_model_graph *g = &model->graphs[top->graph];
    if (top->node == g->node_count) {
      state[top->graph] = DONE;
      order[(*count)++] = top->graph;
      depth--;
      continue;
    }
    const ek_model_node *n = &g->nodes[top->node];
    if (top->attr == n->row->subgraph_attrs) {
      top->node++;
      top->attr = 0;
      continue;
    }
    const uint32_t next = (uint32_t)ek_subgraph_attr(n->op_id, &n->attrs, top->attr++);
    if (state[next] == OPEN) {
      return ek_fail(error, EK_ERR_BAD_MODEL, "graph '%s', node '%s': the subgraph calls itself", g->name, n->name);
    }
    if (state[next] == NEW) {
      state[next] = OPEN;
      stack[depth++] = (frame){next, 0, 0};
    }
  }
  return EK_OK;
}

ek_status ek_model_order_graphs(const ek_allocator *allocator, ek_model *model, uint32_t *order, ek_error *error) {
  const size_t frames = ek_align_size(ek_mul_size(model->graph_count, sizeof(frame)));
  uint8_t *memory = ek_allocate(allocator, ek_add_size(frames, model->graph_count));
  if (memory == NULL) {
    return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory to check the model");
  }
  memset(memory + frames, 0, model->graph_count);
  model->order_count = 0;
  const ek_status status =
      order_graphs(model, (frame *)(void *)memory, memory + frames, order, &model->order_count, error);
  model->order = order;
  ek_release(allocator, memory);
  return status;
}
