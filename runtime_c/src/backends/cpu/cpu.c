#include "backends/cpu/cpu.h"

#include <string.h>

#include "base/clock.h"

static ek_status shape_error(const ek_exec_node *n, const ek_tensor *t, const char *what, ek_error *error) {
  return ek_fail(error, EK_ERR_SHAPE, "node '%s' (%s): the shape of '%s' %s", n->ctx.name, n->spec->row->name, t->name,
                 what);
}

/* Holds an output's dims against what the file, and with it the memory plan, says. */
static ek_status check_dims(const ek_exec_graph *graph, const ek_exec_node *n, uint32_t output, ek_error *error) {
  const ek_model_tensor *spec = &graph->spec->tensors[n->spec->outputs[output]];
  const ek_tensor *t = n->ctx.outputs[output];
  if (t->rank != spec->rank) {
    return shape_error(n, t, "has another rank than the file says", error);
  }
  for (uint32_t i = 0; i < t->rank; i++) {
    if (t->dims[i] > spec->dims[i] || t->dims[i] < 0) {
      return shape_error(
          n, t,
          "goes beyond the bounds that the file declares; where data decide it, convert again with a larger capacity",
          error);
    }
    if (t->dims[i] != spec->dims[i] && ek_is_fixed_dim(spec, i)) {
      return shape_error(n, t, "differs from the file, which calls it fixed", error);
    }
  }
  return EK_OK;
}

/* The real dims of a run against the memory that the plan provides. */
static ek_status check_capacity(const ek_exec_node *n, ek_error *error) {
  for (uint32_t i = 0; i < n->ctx.output_count; i++) {
    const ek_tensor *t = n->ctx.outputs[i];
    if (t != NULL && ek_tensor_bytes(t) > t->capacity) {
      return ek_fail(error, EK_ERR_SHAPE,
                     "node '%s' (%s): '%s' needs %zu bytes, the model provides %zu; convert it again with a larger "
                     "capacity",
                     n->ctx.name, n->spec->row->name, t->name, ek_tensor_bytes(t), t->capacity);
    }
  }
  return EK_OK;
}

static ek_status check_outputs(const ek_exec_graph *graph, const ek_exec_node *n, ek_error *error) {
  for (uint32_t i = 0; i < n->ctx.output_count; i++) {
    if (n->ctx.outputs[i] != NULL) {
      EK_TRY(check_dims(graph, n, i, error));
    }
  }
  return EK_OK;
}

/* Gives outputs the bounds that the file declares. */
static void take_bounds(const ek_exec_graph *graph, const ek_exec_node *n) {
  for (uint32_t i = 0; i < n->ctx.output_count; i++) {
    ek_tensor *t = n->ctx.outputs[i];
    if (t != NULL) {
      const ek_model_tensor *spec = &graph->spec->tensors[n->spec->outputs[i]];
      t->rank = spec->rank;
      memcpy(t->dims, spec->dims, sizeof t->dims);
    }
  }
}

static bool reads_loose(const ek_exec_graph *graph, const ek_exec_node *n) {
  for (uint32_t i = 0; i < n->spec->input_count; i++) {
    if (n->spec->inputs[i] >= 0 && graph->loose[n->spec->inputs[i]]) {
      return true;
    }
  }
  return false;
}

ek_status ek_cpu_shape_node(ek_exec_graph *graph, uint32_t node, ek_error *error) {
  ek_exec_node *n = &graph->nodes[node];
  const ek_op *op = n->spec->row->op;
  if (op == NULL) {
    return ek_fail(error, EK_ERR_UNSUPPORTED, "node '%s': this build has no %s", n->ctx.name, n->spec->row->name);
  }
  for (uint32_t i = 0; i < n->ctx.input_count; i++) {
    n->is_dynamic |= n->ctx.inputs[i] != NULL && n->ctx.inputs[i]->is_dynamic;
  }
  for (uint32_t i = 0; i < n->ctx.output_count; i++) {
    n->is_dynamic |= n->ctx.outputs[i] != NULL && n->ctx.outputs[i]->is_dynamic;
  }
  bool loose = reads_loose(graph, n);
  n->ctx.error = error;
  ek_status status = op->shape(&n->ctx);
  if (status == EK_OK) {
    status = check_outputs(graph, n, error);
  }
  /* Bounds of data-dependent shapes need not fit each other: then only a run can tell. But `prepare` relies on what `shape`
   * checks, so that operators which have one need bounds that fit. */
  if (status == EK_SHAPE_NOT_YET || (status == EK_ERR_SHAPE && loose && op->prepare == NULL)) {
    take_bounds(graph, n);
    n->is_dynamic = loose = true;
    status = EK_OK;
  }
  for (uint32_t i = 0; i < n->spec->output_count && loose; i++) {
    if (n->spec->outputs[i] >= 0) {
      const ek_model_tensor *spec = &graph->spec->tensors[n->spec->outputs[i]];
      graph->loose[n->spec->outputs[i]] = spec->is_dynamic;
    }
  }
  return status;
}

static bool has_elements(const ek_exec_node *n) {
  for (uint32_t i = 0; i < n->ctx.output_count; i++) {
    if (n->ctx.outputs[i] != NULL && ek_tensor_elements(n->ctx.outputs[i]) != 0) {
      return true;
    }
  }
  return false;
}

static ek_status run_node(const ek_exec_graph *graph, ek_exec_node *n, ek_error *error) {
  const ek_op *op = n->spec->row->op;
  n->ctx.error = error;
  if (!n->is_dynamic) {
    return has_elements(n) ? op->run(&n->ctx) : EK_OK;
  }
  const ek_status status = op->shape(&n->ctx);
  if (status == EK_SHAPE_NOT_YET) {
    /* Control flow: only the run tells. It keeps to the capacity of the outputs itself. */
    take_bounds(graph, n);
    EK_TRY(op->run(&n->ctx));
    return check_outputs(graph, n, error);
  }
  EK_TRY(status);
  EK_TRY(check_outputs(graph, n, error));
  EK_TRY(check_capacity(n, error));
  return has_elements(n) ? op->run(&n->ctx) : EK_OK;
}

ek_status ek_cpu_run_nodes(ek_exec_graph *graph, uint32_t first, uint32_t last, ek_error *error) {
  for (uint32_t i = first; i < last; i++) {
    ek_exec_node *n = &graph->nodes[i];
    if (graph->keep_going != NULL && !graph->keep_going(graph->keep_going_user)) {
      return ek_fail(error, EK_ERR_CANCELLED, "cancelled before node '%s'", n->ctx.name);
    }
    const uint64_t begin = graph->profile ? ek_clock_ns() : 0;
    const ek_status status = run_node(graph, n, error);
    if (status != EK_OK) {
      return status == EK_SHAPE_NOT_YET ? ek_fail(error, EK_ERR_SHAPE, "node '%s' found no shape", n->ctx.name)
                                        : status;
    }
    n->run_count++;
    n->total_ns += graph->profile ? ek_clock_ns() - begin : 0;
  }
  return EK_OK;
}

static size_t cpu_devices(char *text, size_t text_size) {
  static const char line[] = "0\tcpu\tnative\n";
  if (text != NULL && text_size != 0) {
    const size_t kept = sizeof line <= text_size ? sizeof line - 1 : text_size - 1;
    memcpy(text, line, kept);
    text[kept] = 0;
  }
  return sizeof line;
}

static ek_status cpu_open(ek_env *env, ek_exec_graph *graph, void **state, ek_error *error) {
  (void)env;
  (void)error;
  *state = graph;
  return EK_OK;
}

static void cpu_close(void *state) { (void)state; }

static ek_status cpu_accept(void *state, uint32_t node, ek_error *reason) {
  (void)state;
  (void)node;
  (void)reason;
  return EK_OK;
}

static ek_status cpu_prepare(void *state, ek_error *error) {
  (void)state;
  (void)error;
  return EK_OK;
}

static ek_status cpu_run(void *state, uint32_t first, uint32_t last, ek_error *error) {
  return ek_cpu_run_nodes(state, first, last, error);
}

/* The CPU works in host memory: no step of this kind is ever made for it. */
static ek_status cpu_transfer(void *state, uint32_t tensor, ek_error *error) {
  (void)state;
  (void)tensor;
  (void)error;
  return EK_OK;
}

const ek_backend *ek_backend_cpu(void) {
  static const ek_backend cpu = {"cpu",       cpu_devices, cpu_open,     cpu_close,   cpu_accept,
                                 cpu_prepare, cpu_run,     cpu_transfer, cpu_transfer};
  return &cpu;
}
