/* ScatterElements: a copy with single elements written at positions along one axis. */
#include "ek_ops_gen.h"
#include "ops/index.h"
#include "ops/scatter.h"
#include "ops/strided.h"

static ek_status scatter_elements_shape(ek_op_context *ctx) {
  const ek_scatter_elements_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1), *updates = ek_input(ctx, 2);
  uint32_t axis = 0;
  EK_TRY(ek_scatter_check(ctx, attrs->reduction));
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  if (indices->rank != x->rank || updates->rank != x->rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "indices and updates need the rank of the tensor, %u", x->rank);
  }
  for (uint32_t i = 0; i < x->rank; i++) {
    if (updates->dims[i] != indices->dims[i] || (i != axis && indices->dims[i] > x->dims[i])) {
      return ek_op_fail(ctx, EK_ERR_SHAPE,
                        "dimension %u is %lld in the tensor, %lld in the indices and %lld in the updates", i,
                        (long long)x->dims[i], (long long)indices->dims[i], (long long)updates->dims[i]);
    }
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

static ek_status scatter_elements_run(ek_op_context *ctx) {
  const ek_scatter_elements_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1), *updates = ek_input(ctx, 2);
  ek_tensor *y = ek_output(ctx, 0);
  const int64_t count = ek_tensor_elements(indices);
  const size_t item = ek_dtype_size(x->dtype);
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  EK_TRY(ek_check_indices(ctx, indices, 0, 1, count, x->dims[axis]));
  ek_copy_bytes(ctx, y->data, x->data, ek_tensor_bytes(x));
  int64_t at[EK_MAX_RANK] = {0}, strides[EK_MAX_RANK], base = 0;
  for (int64_t step = 1, i = (int64_t)x->rank - 1; i >= 0; i--) {
    strides[i] = step;
    step *= x->dims[i];
  }
  for (int64_t k = 0; k < count; k++) {
    const int64_t v = ek_index_at(indices, k);
    ek_scatter_combine((char *)y->data + (size_t)(base + (v < 0 ? v + x->dims[axis] : v) * strides[axis]) * item,
                       (const char *)updates->data + (size_t)k * item, 1, x->dtype, attrs->reduction, x->quant);
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

const ek_op ek_op_scatter_elements = {"ScatterElements", scatter_elements_shape, NULL, NULL, scatter_elements_run};
