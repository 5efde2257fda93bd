/* Concat: joins tensors along one axis. The planner may have let an input live inside the output already. */
#include "ek_ops_gen.h"
#include "ops/index.h"
#include "ops/strided.h"

static ek_status concat_shape(ek_op_context *ctx) {
  const ek_concat_attrs *attrs = ctx->attrs;
  const ek_tensor *first = ek_input(ctx, 0);
  int64_t dims[EK_MAX_RANK];
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, first->rank, &axis));
  memcpy(dims, first->dims, sizeof dims);
  for (uint32_t k = 1; k < ctx->input_count; k++) {
    const ek_tensor *x = ek_input(ctx, k);
    if (x == NULL || x->rank != first->rank) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "input %u differs in rank from the first", k);
    }
    for (uint32_t i = 0; i < x->rank; i++) {
      if (i != axis && x->dims[i] != first->dims[i]) {
        return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u is %lld in input %u and %lld in the first", i,
                          (long long)x->dims[i], k, (long long)first->dims[i]);
      }
    }
    if (dims[axis] > INT64_MAX - x->dims[axis]) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the output has too many elements");
    }
    dims[axis] += x->dims[axis];
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), first->rank, dims);
}

static ek_status concat_run(ek_op_context *ctx) {
  const ek_concat_attrs *attrs = ctx->attrs;
  ek_tensor *y = ek_output(ctx, 0);
  const size_t item = ek_dtype_size(y->dtype);
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, y->rank, &axis));
  if (ek_tensor_elements(y) == 0) return EK_OK;
  const int64_t outer = ek_dims_product(y->dims, 0, axis),
                inner = ek_dims_product(y->dims, axis + 1, y->rank) * (int64_t)item;
  char *to = y->data;
  for (uint32_t k = 0; k < ctx->input_count; k++) {
    const ek_tensor *x = ek_input(ctx, k);
    const int64_t run = x->dims[axis] * inner;
    ek_strided plan = {.rank = 1, .item = (size_t)run, .dims = {outer}, .src = {run}, .dst = {y->dims[axis] * inner}};
    if (x->data != to) ek_copy_strided(ctx, plan, to, x->data);
    to += run;
  }
  return EK_OK;
}

const ek_op ek_op_concat = {"Concat", concat_shape, NULL, NULL, concat_run};
