#include "model/model.h"

#include <string.h>

#include "base/allocator.h"
#include "base/arena.h"
#include "base/sizes.h"
#include "ek_schema_gen.h"

/* What this reader understands; a file with a higher number comes from a newer EdgeKit. */
#define FORMAT_VERSION 1

/* A constant without elements still gets an address. */
static const uint64_t no_bytes[8];

typedef struct reader {
  const uint8_t *data;
  size_t size;
  ek_fb_table root;
  uint64_t blobs_start;
  ek_fb_vector blobs;
  ek_arena arena;
  ek_error *error;
} reader;

size_t ek_dims_bytes(ek_dtype dtype, const int64_t *dims, uint32_t rank) {
  size_t bytes = ek_dtype_size(dtype), padded = bytes;
  for (uint32_t i = 0; i < rank; i++) {
    if (dims[i] < 0 || (uint64_t)dims[i] > SIZE_MAX) {
      return SIZE_MAX;
    }
    bytes = ek_mul_size(bytes, (size_t)dims[i]);
    padded = ek_mul_size(padded, dims[i] != 0 ? (size_t)dims[i] : 1);
  }
  /* Strides and index sums of operators stay far from overflow. */
  return padded > PTRDIFF_MAX / 16 ? SIZE_MAX : bytes;
}

static ek_status read_quant(reader *r, ek_fb_table table, ek_model_tensor *t) {
  const ek_fb_vector scale = ek_fb_quant_scale(table), zero_point = ek_fb_quant_zero_point(table);
  t->quant.scale = (const float *)(const void *)scale.data;
  t->quant.zero_point = (const int32_t *)(const void *)zero_point.data;
  t->quant.count = scale.count;
  t->quant.axis = ek_fb_quant_axis(table);
  if (scale.count == 0 || scale.count != zero_point.count) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s' has %u scales and %u zero points", t->name, scale.count,
                   zero_point.count);
  }
  if (t->quant.axis < -1 || t->quant.axis >= (int32_t)t->rank ||
      (t->quant.axis < 0 ? scale.count != 1 : (int64_t)scale.count != t->dims[t->quant.axis])) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s' has %u scales for axis %d", t->name, scale.count,
                   t->quant.axis);
  }
  for (uint32_t i = 0; i < scale.count; i++) {
    if (!(t->quant.scale[i] > 0.0f && t->quant.scale[i] <= 3.402823466e38f)) {
      return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s': scale %u is not finite and positive", t->name, i);
    }
    /* Operators compute with zero_point - 128 and the like. */
    if (t->quant.zero_point[i] < -65536 || t->quant.zero_point[i] > 65536) {
      return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s': zero point %d is out of range", t->name,
                     t->quant.zero_point[i]);
    }
  }
  return EK_OK;
}

static ek_status find_blob(reader *r, int32_t index, const char *name, ek_fb_blob *blob) {
  if ((uint32_t)index >= r->blobs.count) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s' names blob %d of %u", name, index, r->blobs.count);
  }
  memcpy(blob, r->blobs.data + (size_t)index * sizeof *blob, sizeof *blob);
  const uint64_t room = r->size - r->blobs_start;
  if (blob->offset % EK_ALIGNMENT != 0 || blob->offset > room || blob->length > room - blob->offset) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "blob %d (offset %llu, %llu bytes) lies outside the file of %zu bytes",
                   index, (unsigned long long)blob->offset, (unsigned long long)blob->length, r->size);
  }
  return EK_OK;
}

static const void *blob_data(const reader *r, const ek_fb_blob *blob) {
  return blob->length == 0 ? (const void *)no_bytes : r->data + r->blobs_start + blob->offset;
}

static ek_status read_blob(reader *r, int32_t index, ek_model_tensor *t) {
  ek_fb_blob blob;
  EK_TRY(find_blob(r, index, t->name, &blob));
  if (blob.length != t->bytes) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "constant '%s' takes %zu bytes, its blob has %llu", t->name, t->bytes,
                   (unsigned long long)blob.length);
  }
  t->data = blob_data(r, &blob);
  return EK_OK;
}

static ek_status read_tensor(reader *r, ek_fb_table table, ek_model_tensor *t) {
  t->name = ek_fb_tensor_name(table);
  t->dtype = (ek_dtype)ek_fb_tensor_dtype(table);
  t->is_dynamic = ek_fb_tensor_dynamic(table);
  const ek_fb_vector dims = ek_fb_tensor_dims(table);
  if (ek_dtype_size(t->dtype) == 0) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s' has the unknown element type %d", t->name, (int)t->dtype);
  }
  if (dims.count > EK_MAX_RANK) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s' has rank %u; at most %d is possible", t->name, dims.count,
                   EK_MAX_RANK);
  }
  t->rank = dims.count;
  if (dims.count != 0) {
    memcpy(t->dims, dims.data, dims.count * sizeof t->dims[0]);
  }
  t->bytes = ek_dims_bytes(t->dtype, t->dims, t->rank);
  if (t->bytes == SIZE_MAX) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s' has impossible dimensions", t->name);
  }
  const uint64_t capacity = ek_fb_tensor_capacity(table);
  if (t->is_dynamic && capacity != 0 && capacity < t->bytes / ek_dtype_size(t->dtype)) {
    t->bytes = (size_t)capacity * ek_dtype_size(t->dtype);
  }
  const ek_fb_vector symbols = ek_fb_tensor_dim_symbols(table);
  if (symbols.count != (t->is_dynamic ? t->rank : 0) && symbols.count != 0) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s' has rank %u and %u names of dimensions", t->name, t->rank,
                   symbols.count);
  }
  for (uint32_t i = 0; i < EK_MAX_RANK; i++) {
    t->dim_symbols[i] = i < symbols.count ? ek_fb_vector_string(symbols, i) : t->is_dynamic && i < t->rank ? "?" : "";
  }
  const ek_fb_table quant = ek_fb_tensor_quant(table);
  if (quant != NULL) {
    EK_TRY(read_quant(r, quant, t));
  }
  const int32_t blob = ek_fb_tensor_blob(table);
  if (blob >= 0) {
    if (t->is_dynamic) {
      return ek_fail(r->error, EK_ERR_BAD_MODEL, "constant '%s' is marked dynamic", t->name);
    }
    return read_blob(r, blob, t);
  }
  const int64_t offset = ek_fb_tensor_arena_offset(table);
  if (offset < 0 || offset % EK_ALIGNMENT != 0 || (uint64_t)offset > SIZE_MAX) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "tensor '%s' has the arena offset %lld", t->name, (long long)offset);
  }
  t->arena_offset = (size_t)offset;
  return EK_OK;
}

static ek_status read_node(reader *r, ek_fb_table table, ek_model_node *n) {
  n->name = ek_fb_node_name(table);
  n->op_id = ek_fb_node_op(table);
  n->row = ek_op_find(n->op_id);
  if (n->row == NULL) {
    return ek_fail(r->error, EK_ERR_UNSUPPORTED, "node '%s' uses operator number %u, which this build does not know",
                   n->name, n->op_id);
  }
  const ek_fb_vector inputs = ek_fb_node_inputs(table), outputs = ek_fb_node_outputs(table);
  n->inputs = (const int32_t *)(const void *)inputs.data;
  n->input_count = inputs.count;
  n->outputs = (const int32_t *)(const void *)outputs.data;
  n->output_count = outputs.count;
  return ek_read_attrs(n->op_id, ek_fb_node_attrs_type(table), ek_fb_node_attrs(table), &n->attrs, r->error);
}

static ek_status read_state(reader *r, ek_fb_table table, const ek_model_graph *g, uint32_t i, ek_model_state *s) {
  const int32_t index = ek_fb_state_initial(table), input = ek_state_input(g, i);
  if (index < 0) {
    return EK_OK;
  }
  if (input < 0 || (uint32_t)input >= g->tensor_count) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "graph '%s': state %u is no tensor", g->name, i);
  }
  const ek_model_tensor *t = &g->tensors[input];
  ek_fb_blob blob;
  EK_TRY(find_blob(r, index, t->name, &blob));
  if (blob.length != t->bytes && blob.length != ek_dtype_size(t->dtype)) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "state '%s' takes %zu bytes, its first value has %llu", t->name,
                   t->bytes, (unsigned long long)blob.length);
  }
  s->initial = blob_data(r, &blob);
  s->initial_bytes = (size_t)blob.length;
  return EK_OK;
}

static ek_status read_states(reader *r, ek_fb_vector states, ek_model_graph *g, ek_model_state *s) {
  if (states.count > g->input_count || states.count > g->output_count) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "graph '%s' has %u states, %u inputs and %u outputs", g->name,
                   states.count, g->input_count, g->output_count);
  }
  g->state_count = states.count;
  g->states = s;
  for (uint32_t i = 0; i < states.count; i++) {
    EK_TRY(read_state(r, ek_fb_vector_table(states, i), g, i, &s[i]));
  }
  return EK_OK;
}

/* Runs twice: measuring, then for good (see base/arena.h). */
static ek_status read_graph(reader *r, ek_fb_table table, ek_model_graph *g) {
  const ek_fb_vector tensors = ek_fb_graph_tensors(table), nodes = ek_fb_graph_nodes(table),
                     names = ek_fb_graph_output_names(table), states = ek_fb_graph_states(table);
  const ek_fb_vector inputs = ek_fb_graph_inputs(table), outputs = ek_fb_graph_outputs(table);
  ek_model_tensor *t = ek_arena_take(&r->arena, tensors.count, sizeof *t);
  ek_model_node *n = ek_arena_take(&r->arena, nodes.count, sizeof *n);
  const char **output_names = ek_arena_take(&r->arena, names.count, sizeof *output_names);
  ek_model_state *s = ek_arena_take(&r->arena, states.count, sizeof *s);
  if (r->arena.base == NULL) {
    return EK_OK;
  }
  g->name = ek_fb_graph_name(table);
  g->tensors = t;
  g->nodes = n;
  g->tensor_count = tensors.count;
  g->node_count = nodes.count;
  g->inputs = (const int32_t *)(const void *)inputs.data;
  g->input_count = inputs.count;
  g->outputs = (const int32_t *)(const void *)outputs.data;
  g->output_count = outputs.count;
  g->output_names = output_names;
  const uint64_t arena_bytes = ek_fb_graph_arena_bytes(table);
  if (arena_bytes > PTRDIFF_MAX / 16) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "graph '%s' asks for an arena of %llu bytes", g->name,
                   (unsigned long long)arena_bytes);
  }
  g->arena_bytes = ek_align_size((size_t)arena_bytes);
  if (names.count != outputs.count) {
    return ek_fail(r->error, EK_ERR_BAD_MODEL, "graph '%s' has %u outputs and %u names for them", g->name,
                   outputs.count, names.count);
  }
  for (uint32_t i = 0; i < names.count; i++) {
    output_names[i] = ek_fb_vector_string(names, i);
  }
  for (uint32_t i = 0; i < tensors.count; i++) {
    EK_TRY(read_tensor(r, ek_fb_vector_table(tensors, i), &t[i]));
  }
  for (uint32_t i = 0; i < nodes.count; i++) {
    EK_TRY(read_node(r, ek_fb_vector_table(nodes, i), &n[i]));
  }
  return read_states(r, states, g, s);
}

static ek_status read_model(reader *r, ek_model *model, uint32_t **order) {
  const ek_fb_vector graphs = ek_fb_model_graphs(r->root), metadata = ek_fb_model_metadata(r->root);
  ek_model_graph *g = ek_arena_take(&r->arena, graphs.count, sizeof *g);
  ek_model_entry *entries = ek_arena_take(&r->arena, metadata.count, sizeof *entries);
  *order = ek_arena_take(&r->arena, graphs.count, sizeof **order);
  for (uint32_t i = 0; i < graphs.count; i++) {
    EK_TRY(read_graph(r, ek_fb_vector_table(graphs, i), g != NULL ? &g[i] : NULL));
  }
  if (r->arena.base == NULL) {
    return EK_OK;
  }
  for (uint32_t i = 0; i < metadata.count; i++) {
    entries[i].key = ek_fb_key_value_key(ek_fb_vector_table(metadata, i));
    entries[i].value = ek_fb_key_value_value(ek_fb_vector_table(metadata, i));
  }
  model->graphs = g;
  model->graph_count = graphs.count;
  model->metadata = entries;
  model->metadata_count = metadata.count;
  return EK_OK;
}

static ek_status load(const ek_allocator *allocator, ek_model *model, ek_error *error) {
  reader r = {.data = model->file.data, .size = model->file.size, .error = error};
  const uint16_t one = 1;
  if (*(const uint8_t *)&one != 1) {
    return ek_fail(error, EK_ERR_UNSUPPORTED, "model files need a little-endian processor");
  }
  EK_TRY(ek_schema_verify(r.data, r.size, error));
  r.root = ek_fb_root(r.data);
  const uint32_t version = ek_fb_model_version(r.root);
  if (version > FORMAT_VERSION) {
    return ek_fail(error, EK_ERR_UNSUPPORTED, "the file has format version %u, this build reads up to %d", version,
                   FORMAT_VERSION);
  }
  r.blobs = ek_fb_model_blobs(r.root);
  r.blobs_start = ek_fb_model_blobs_start(r.root);
  if (r.blobs_start % EK_ALIGNMENT != 0 || r.blobs_start > r.size) {
    if (r.blobs.count != 0) {
      return ek_fail(error, EK_ERR_BAD_MODEL, "the blobs begin at %llu in a file of %zu bytes",
                     (unsigned long long)r.blobs_start, r.size);
    }
    r.blobs_start = 0;
  }
  if (ek_fb_model_graphs(r.root).count == 0) {
    return ek_fail(error, EK_ERR_BAD_MODEL, "the file holds no graph");
  }

  uint32_t *order = NULL;
  EK_TRY(read_model(&r, model, &order));
  r.arena.capacity = r.arena.used;
  model->memory = r.arena.base = ek_allocate(allocator, r.arena.used);
  if (model->memory == NULL) {
    return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory for the tables of the model (%zu bytes)", r.arena.used);
  }
  r.arena.used = 0;
  EK_TRY(read_model(&r, model, &order));
  for (uint32_t i = 0; i < model->graph_count; i++) {
    EK_TRY(ek_model_check_graph(allocator, model, i, error));
  }
  return ek_model_order_graphs(allocator, model, order, error);
}

ek_status ek_model_create(const ek_allocator *allocator, ek_file *file, ek_model **out, ek_error *error) {
  *out = NULL;
  ek_model *model = ek_allocate(allocator, sizeof *model);
  if (model == NULL) {
    ek_file_close(allocator, file);
    return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory for a model");
  }
  memset(model, 0, sizeof *model);
  model->allocator = *allocator;
  model->file = *file;
  memset(file, 0, sizeof *file);
  const ek_status status = load(allocator, model, error);
  if (status != EK_OK) {
    ek_model_destroy(model);
    return status;
  }
  *out = model;
  return EK_OK;
}

void ek_model_destroy(ek_model *model) {
  if (model == NULL) {
    return;
  }
  const ek_allocator allocator = model->allocator;
  ek_file_close(&allocator, &model->file);
  ek_release(&allocator, model->memory);
  ek_release(&allocator, model);
}
