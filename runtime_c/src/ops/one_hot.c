/* OneHot: the on value where the new dimension's position equals the index, the off value elsewhere. */
#include "ek_ops_gen.h"
#include "ops/index.h"
#include "ops/strided.h"

static ek_status one_hot_shape(ek_op_context *ctx) {
  const ek_one_hot_attrs *attrs = ctx->attrs;
  const ek_tensor *indices = ek_input(ctx, 0), *values = ek_input(ctx, 2);
  int64_t dims[EK_MAX_RANK + 1], depth = 0;
  uint32_t axis = 0;
  if (indices->rank >= EK_MAX_RANK || values->rank != 1 || values->dims[0] != 2) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "indices of rank %u at most and two values, off and on, are needed",
                      EK_MAX_RANK - 1);
  }
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, indices->rank + 1, &axis));
  EK_TRY(ek_scalar_int(ctx, ek_input(ctx, 1), 0, &depth));
  if (depth < 1) return ek_op_fail(ctx, EK_ERR_SHAPE, "depth is %lld", (long long)depth);
  for (uint32_t i = 0; i <= indices->rank; i++)
    dims[i] = i < axis ? indices->dims[i] : i == axis ? depth : indices->dims[i - 1];
  return ek_set_dims(ctx, ek_output(ctx, 0), indices->rank + 1, dims);
}

static ek_status one_hot_run(ek_op_context *ctx) {
  const ek_one_hot_attrs *attrs = ctx->attrs;
  const ek_tensor *indices = ek_input(ctx, 0), *values = ek_input(ctx, 2);
  ek_tensor *y = ek_output(ctx, 0);
  const size_t item = ek_dtype_size(y->dtype);
  const char *off = values->data, *on = off + item;
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, y->rank, &axis));
  const int64_t depth = y->dims[axis], inner = ek_dims_product(y->dims, axis + 1, y->rank),
                count = ek_tensor_elements(indices);
  ek_fill_elements(y->data, off, item, (size_t)ek_tensor_elements(y));
  for (int64_t k = 0; k < count && inner > 0; k++) {
    const int64_t v = ek_index_at(indices, k);
    if (v < -depth || v >= depth) continue;
    const int64_t at = (k / inner * depth + (v < 0 ? v + depth : v)) * inner + k % inner;
    ek_copy_item((char *)y->data + (size_t)at * item, on, item);
  }
  return EK_OK;
}

const ek_op ek_op_one_hot = {"OneHot", one_hot_shape, NULL, NULL, one_hot_run};
