/* What an operator implementation is: four functions over a context. One operator a file: `const ek_op ek_op_<snake_name>`.
 *
 * Life of a node in a session:
 *   prepare   once: choose the code path for these element types and attributes, ask for memory. EK_ERR_UNSUPPORTED if none.
 *   shape     sets the dims of every output from the dims (and, for shape-driven operators, the data) of the inputs.
 *             Called once before prepare; called again before each run for nodes whose inputs change shape.
 *   init      once, after memory is there: pack weights into ctx->state. Inputs that are constants have data.
 *   run       every inference. Never allocates, never fails on values.
 *
 * The session has checked before `shape`: the number of inputs and outputs, element types against the operator table
 * (generated), that required inputs are there, that attributes are in range of their C types. After `shape` it checks that
 * each output has the rank the file declares and no dimension is above the declared one (the largest it may take), so that what
 * `prepare` sized for the first shape is enough for every later one. Nodes whose outputs have no elements are not run. `shape` must check everything `run` relies on: ranks,
 * matching dims, attribute list lengths, positive strides ... because model files may be hostile.
 */
#ifndef EK_OPS_OP_H
#define EK_OPS_OP_H

#include "base/error.h"
#include "base/thread_pool.h"

typedef struct ek_quant {
  const float *scale;
  const int32_t *zero_point;
  uint32_t count; /* 1, or dims[axis] */
  int32_t axis;   /* -1: per tensor */
} ek_quant;

typedef struct ek_tensor {
  void *data;            /* NULL before memory is bound, except for constants */
  const ek_quant *quant; /* NULL: not quantized */
  const char *name;
  size_t capacity; /* bytes the plan provides */
  int64_t dims[EK_MAX_RANK];
  uint32_t rank;
  ek_dtype dtype;
  bool is_constant;
  bool is_dynamic; /* dims may differ from run to run */
} ek_tensor;

typedef struct ek_i64_list {
  const int64_t *data;
  uint32_t count;
} ek_i64_list;

typedef struct ek_f32_list {
  const float *data;
  uint32_t count;
} ek_f32_list;

typedef struct ek_op_context ek_op_context;

/* How control flow reaches the subgraph `graph` (the value of a graph attribute; the model has checked that it exists). A subgraph has
 * memory of its own; running it may overwrite its inputs. The same scratch serves the nodes inside: contents do not survive `execute`. */
typedef struct ek_subgraph_api {
  void *session;
  uint32_t (*input_count)(void *session, int32_t graph);
  uint32_t (*output_count)(void *session, int32_t graph);
  /* Borrowed: the subgraph's own input / output tensors, with the largest dims until something is set. NULL beyond the count. */
  const ek_tensor *(*input)(void *session, int32_t graph, uint32_t index);
  const ek_tensor *(*output)(void *session, int32_t graph, uint32_t index);
  /* Copies dims and data in; fails with EK_ERR_SHAPE where type or shape do not fit. */
  ek_status (*set_input)(void *session, int32_t graph, uint32_t index, const ek_tensor *value, ek_error *error);
  ek_status (*execute)(void *session, int32_t graph, ek_error *error);
  /* Copies dims and data out; fails with EK_ERR_SHAPE where they do not fit `to`. */
  ek_status (*get_output)(void *session, int32_t graph, uint32_t index, ek_tensor *to, ek_error *error);
} ek_subgraph_api;

typedef struct ek_op_memory {
  size_t state_bytes;   /* lives as long as the session: packed weights, precomputed tables; 64-byte aligned */
  size_t scratch_bytes; /* valid during run only; shared by all nodes; 64-byte aligned */
  const char *kernel;   /* name of the micro-kernel chosen, for reports */
} ek_op_memory;

struct ek_op_context {
  const void *attrs;        /* ek_<op>_attrs */
  ek_tensor *const *inputs; /* NULL where absent */
  ek_tensor *const *outputs;
  uint32_t input_count;
  uint32_t output_count;
  const char *name;      /* of the node */
  uint64_t cpu_features; /* EK_CPU_* allowed for this session */
  uint32_t threads;      /* size of the pool to come: scratch a thread is scratch_bytes / threads */
  ek_thread_pool *pool;  /* NULL before run */
  void *state;
  void *scratch;
  size_t scratch_bytes; /* what `prepare` asked for: operators whose need grows with dynamic shapes check it in `run` */
  const ek_subgraph_api *subgraphs;
  ek_error *error;
};

typedef struct ek_op {
  const char *name;
  ek_status (*shape)(ek_op_context *ctx);
  ek_status (*prepare)(ek_op_context *ctx,
                       ek_op_memory *memory); /* NULL: needs nothing, takes every type of the table */
  ek_status (*init)(ek_op_context *ctx);      /* NULL: nothing to do */
  ek_status (*run)(ek_op_context *ctx);
} ek_op;

/* Where the number of results is known only after computing them (NonZero, NonMaxSuppression), `shape` checks the inputs
 * and returns EK_SHAPE_NOT_YET even when data is there, and `run` sets the dims of its output with ek_set_run_dims. A later
 * node's `shape` therefore has to be called after the earlier node's `run`. `run` may fail with EK_ERR_SHAPE on values that
 * are impossible (an index outside its dimension); it still stays within bounds. */

/* Returned by `shape` alone, when the shape depends on data that is not there yet: the file's bounds stand. */
#define EK_SHAPE_NOT_YET ((ek_status) - 1)

/* ---- helpers for operator files (ops/op.c) ---- */

/* The i-th input, or NULL where it is absent or beyond input_count. */
static inline const ek_tensor *ek_input(const ek_op_context *ctx, uint32_t i) {
  return i < ctx->input_count ? ctx->inputs[i] : NULL;
}
static inline ek_tensor *ek_output(const ek_op_context *ctx, uint32_t i) {
  return i < ctx->output_count ? ctx->outputs[i] : NULL;
}

/* Product of dims; dims are never negative. Overflow saturates at INT64_MAX. */
int64_t ek_tensor_elements(const ek_tensor *t);
size_t ek_tensor_bytes(const ek_tensor *t);
/* True when the tensor's data may be read now: a constant, or a run is on. */
bool ek_tensor_has_data(const ek_tensor *t);
/* Sets the dims of an output; fails on negative dims, too high a rank, or an element count that overflows. */
ek_status ek_set_dims(ek_op_context *ctx, ek_tensor *t, uint32_t rank, const int64_t *dims);
/* The same from within `run`: fails also when the elements do not fit the memory that the plan provides. */
ek_status ek_set_run_dims(ek_op_context *ctx, ek_tensor *t, uint32_t rank, const int64_t *dims);
ek_status ek_copy_dims(ek_op_context *ctx, ek_tensor *t, const ek_tensor *like);
/* numpy broadcast of two shapes. */
ek_status ek_broadcast_dims(ek_op_context *ctx, ek_tensor *out, const ek_tensor *a, const ek_tensor *b);
/* Reads a rank 0 or 1 integer tensor (i32 or i64) of at most `max` elements. EK_SHAPE_NOT_YET if it has no data yet. */
ek_status ek_read_ints(ek_op_context *ctx, const ek_tensor *t, int64_t *values, uint32_t max, uint32_t *count);
/* axis counted from the front, or an error naming the node. */
ek_status ek_normalize_axis(ek_op_context *ctx, int64_t axis, uint32_t rank, uint32_t *out);
/* An error that begins with the operator and the node's name. */
ek_status ek_op_fail(ek_op_context *ctx, ek_status status, const char *format, ...) EK_PRINTF(3, 4);
/* "Add takes no uint8": for prepare. */
ek_status ek_op_unsupported_type(ek_op_context *ctx, const ek_tensor *t);

#endif
