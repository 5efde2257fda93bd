/* GatherElements: one element for each index, which replaces its own position along one axis. */
#include "ek_ops_gen.h"
#include "ops/index.h"

static ek_status gather_elements_shape(ek_op_context *ctx) {
  const ek_gather_elements_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1);
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  if (indices->rank != x->rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "indices of rank %u for a tensor of rank %u", indices->rank, x->rank);
  }
  for (uint32_t i = 0; i < x->rank; i++) {
    if (i != axis && indices->dims[i] > x->dims[i]) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u of the indices is %lld, above the tensor's %lld", i,
                        (long long)indices->dims[i], (long long)x->dims[i]);
    }
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), indices);
}

static ek_status gather_elements_run(ek_op_context *ctx) {
  const ek_gather_elements_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1);
  ek_tensor *y = ek_output(ctx, 0);
  const int64_t count = ek_tensor_elements(indices);
  const size_t item = ek_dtype_size(x->dtype);
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  EK_TRY(ek_check_indices(ctx, indices, 0, 1, count, x->dims[axis]));
  int64_t at[EK_MAX_RANK] = {0}, strides[EK_MAX_RANK], base = 0;
  for (int64_t step = 1, i = (int64_t)x->rank - 1; i >= 0; i--) {
    strides[i] = step;
    step *= x->dims[i];
  }
  for (int64_t k = 0; k < count; k++) { /* base: the element without its position along the axis */
    const int64_t v = ek_index_at(indices, k);
    ek_copy_item((char *)y->data + (size_t)k * item,
                 (const char *)x->data + (size_t)(base + (v < 0 ? v + x->dims[axis] : v) * strides[axis]) * item, item);
    for (uint32_t i = x->rank; i-- > 0;) {
      const int64_t step = i == axis ? 0 : strides[i];
      base += step;
      if (++at[i] < indices->dims[i]) break;
      base -= at[i] * step;
      at[i] = 0;
    }
  }
  return EK_OK;
}

const ek_op ek_op_gather_elements = {"GatherElements", gather_elements_shape, NULL, NULL, gather_elements_run};
