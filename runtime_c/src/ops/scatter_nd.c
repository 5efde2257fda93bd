/* ScatterND: a copy with slices written at coordinates. */
#include "ek_ops_gen.h"
#include "ops/index.h"
#include "ops/scatter.h"
#include "ops/strided.h"

static ek_status scatter_nd_shape(ek_op_context *ctx) {
  const ek_scatter_nd_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1), *updates = ek_input(ctx, 2);
  EK_TRY(ek_scatter_check(ctx, attrs->reduction));
  if (indices->rank < 1 || indices->dims[indices->rank - 1] > (int64_t)x->rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the coordinates do not fit a tensor of rank %u", x->rank);
  }
  const uint32_t depth = (uint32_t)indices->dims[indices->rank - 1], ahead = indices->rank - 1;
  bool same = updates->rank == ahead + x->rank - depth;
  for (uint32_t i = 0; i < updates->rank && same; i++) {
    same = updates->dims[i] == (i < ahead ? indices->dims[i] : x->dims[depth + i - ahead]);
  }
  if (!same) {
    return ek_op_fail(
        ctx, EK_ERR_SHAPE,
        "the updates' shape must be that of the indices without the last dimension, then the tensor's remaining ones");
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

static ek_status scatter_nd_run(ek_op_context *ctx) {
  const ek_scatter_nd_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1), *updates = ek_input(ctx, 2);
  ek_tensor *y = ek_output(ctx, 0);
  const uint32_t depth = (uint32_t)indices->dims[indices->rank - 1];
  const int64_t points = ek_dims_product(indices->dims, 0, indices->rank - 1),
                run = ek_dims_product(x->dims, depth, x->rank);
  const size_t item = ek_dtype_size(x->dtype);
  for (uint32_t k = 0; k < depth; k++) EK_TRY(ek_check_indices(ctx, indices, k, depth, points, x->dims[k]));
  ek_copy_bytes(ctx, y->data, x->data, ek_tensor_bytes(x));
  for (int64_t p = 0; p < points; p++) {
    int64_t at = 0;
    for (uint32_t k = 0; k < depth; k++) {
      const int64_t v = ek_index_at(indices, p * depth + k);
      at = at * x->dims[k] + (v < 0 ? v + x->dims[k] : v);
    }
    ek_scatter_combine((char *)y->data + (size_t)(at * run) * item,
                       (const char *)updates->data + (size_t)(p * run) * item, run, x->dtype, attrs->reduction,
                       x->quant);
  }
  return EK_OK;
}

const ek_op ek_op_scatter_nd = {"ScatterND", scatter_nd_shape, NULL, NULL, scatter_nd_run};
