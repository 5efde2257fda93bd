/* A loaded model: the file's bytes, checked, and tables of plain structs that point into them. Immutable and shareable. */
#ifndef EK_MODEL_MODEL_H
#define EK_MODEL_MODEL_H

#include "base/file.h"
#include "ek_ops_gen.h"

typedef struct ek_model_tensor {
  const char *name;
  const void *data;                     /* of a constant, else NULL */
  size_t bytes;                         /* that the plan provides: the largest shape's, or fewer */
  size_t arena_offset;                  /* of anything but constants; a multiple of 64 */
  ek_quant quant;                       /* count 0: not quantized */
  int64_t dims[EK_MAX_RANK];            /* the largest shape where it is dynamic */
  const char *dim_symbols[EK_MAX_RANK]; /* "" where a dimension is fixed */
  uint32_t rank;
  ek_dtype dtype;
  bool is_dynamic;
} ek_model_tensor;

/* True where the dimension is the same in every run. */
static inline bool ek_is_fixed_dim(const ek_model_tensor *t, uint32_t i) { return t->dim_symbols[i][0] == 0; }

typedef struct ek_model_node {
  const ek_op_row *row;
  const char *name;
  const int32_t *inputs; /* -1: absent */
  const int32_t *outputs;
  uint32_t input_count;
  uint32_t output_count;
  uint32_t op_id;
  ek_any_attrs attrs;
} ek_model_node;

/* A value kept from run to run: a pair of the last inputs and outputs of the main graph, in the same order. */
typedef struct ek_model_state {
  const void *initial;  /* NULL: all bits are 0 */
  size_t initial_bytes; /* of the whole tensor, or of one element that fills it */
} ek_model_state;

typedef struct ek_model_graph {
  const char *name;
  const ek_model_tensor *tensors;
  const ek_model_node *nodes;
  const int32_t *inputs;
  const int32_t *outputs;
  const char *const *output_names;
  uint32_t tensor_count;
  uint32_t node_count;
  uint32_t input_count;
  uint32_t output_count;
  uint32_t state_count; /* the last of the inputs and outputs */
  const ek_model_state *states;
  size_t arena_bytes; /* a multiple of 64 */
} ek_model_graph;

/* Tensors of state `i`. */
static inline int32_t ek_state_input(const ek_model_graph *g, uint32_t i) {
  return g->inputs[g->input_count - g->state_count + i];
}

static inline int32_t ek_state_output(const ek_model_graph *g, uint32_t i) {
  return g->outputs[g->output_count - g->state_count + i];
}

typedef struct ek_model_entry {
  const char *key;
  const char *value;
} ek_model_entry;

struct ek_model {
  ek_allocator allocator;
  ek_file file;
  const ek_model_graph *graphs; /* graphs[0] is the model */
  const uint32_t *order;        /* graphs so that each comes after those it calls; unreachable ones are left out */
  const ek_model_entry *metadata;
  void *memory;
  uint32_t graph_count;
  uint32_t order_count;
  uint32_t metadata_count;
};

/* Checks everything a session and the operators rely on; on failure the error says where. Takes over `file` in any case. */
ek_status ek_model_create(const ek_allocator *allocator, ek_file *file, ek_model **model, ek_error *error);

/* Bytes of a tensor of these dims, SIZE_MAX where dims are negative or the product (counting zeros as ones) is too large to index. */
size_t ek_dims_bytes(ek_dtype dtype, const int64_t *dims, uint32_t rank);

/* ---- inside model/ ---- */

/* The graph-level rules: types by the operator table, order of definition, the memory plan, calls between graphs. */
ek_status ek_model_check_graph(const ek_allocator *allocator, const ek_model *model, uint32_t graph, ek_error *error);
/* Fills model->order. Fails on recursion. */
ek_status ek_model_order_graphs(const ek_allocator *allocator, ek_model *model, uint32_t *order, ek_error *error);

#endif
