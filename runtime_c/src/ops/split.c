/* Split: cuts a tensor along one axis. The planner may have let an output live inside the input. */
#include "ek_ops_gen.h"
#include "ops/index.h"
#include "ops/strided.h"

static ek_status split_shape(ek_op_context *ctx) {
  const ek_split_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  int64_t dims[EK_MAX_RANK];
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  if (attrs->sizes.count != ctx->output_count) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%u sizes for %u outputs", attrs->sizes.count, ctx->output_count);
  }
  int64_t left = x->dims[axis];
  memcpy(dims, x->dims, sizeof dims);
  for (uint32_t k = 0; k < ctx->output_count; k++) {
    const int64_t n = attrs->sizes.data[k];
    if (n < 0 || n > left) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the sizes do not add up to dimension %u, which is %lld", axis,
                        (long long)x->dims[axis]);
    }
    left -= n;
    dims[axis] = n;
    if (ek_output(ctx, k) != NULL) EK_TRY(ek_set_dims(ctx, ek_output(ctx, k), x->rank, dims));
  }
  if (left != 0) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the sizes do not add up to dimension %u, which is %lld", axis,
                      (long long)x->dims[axis]);
  }
  return EK_OK;
}

static ek_status split_run(ek_op_context *ctx) {
  const ek_split_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  const size_t item = ek_dtype_size(x->dtype);
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  if (ek_tensor_elements(x) == 0) return EK_OK;
  const int64_t outer = ek_dims_product(x->dims, 0, axis),
                inner = ek_dims_product(x->dims, axis + 1, x->rank) * (int64_t)item;
  const char *from = x->data;
  for (uint32_t k = 0; k < ctx->output_count; k++) {
    ek_tensor *y = ek_output(ctx, k);
    const int64_t run = attrs->sizes.data[k] * inner;
    ek_strided plan = {.rank = 1, .item = (size_t)run, .dims = {outer}, .src = {x->dims[axis] * inner}, .dst = {run}};
    if (y != NULL && y->data != from) ek_copy_strided(ctx, plan, y->data, from);
    from += run;
  }
  return EK_OK;
}

const ek_op ek_op_split = {"Split", split_shape, NULL, NULL, split_run};
