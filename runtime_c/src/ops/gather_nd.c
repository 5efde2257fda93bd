/* GatherND: slices at the coordinates in the last dimension of the indices. */
#include "ek_ops_gen.h"
#include "ops/index.h"

static ek_status gather_nd_shape(ek_op_context *ctx) {
  const ek_gather_nd_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1);
  const int64_t batch = attrs->batch_dims;
  int64_t dims[2 * EK_MAX_RANK];
  uint32_t n = 0;
  if (indices->rank < 1 || batch < 0 || batch >= (int64_t)indices->rank || batch >= (int64_t)x->rank ||
      indices->dims[indices->rank - 1] > (int64_t)x->rank - batch) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the coordinates do not fit a tensor of rank %u", x->rank);
  }
  for (uint32_t i = 0; i < (uint32_t)batch; i++) {
    if (x->dims[i] != indices->dims[i]) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "batch dimension %u is %lld in the tensor and %lld in the indices", i,
                        (long long)x->dims[i], (long long)indices->dims[i]);
    }
  }
  for (uint32_t i = 0; i + 1 < indices->rank; i++) dims[n++] = indices->dims[i];
  for (uint32_t i = (uint32_t)(batch + indices->dims[indices->rank - 1]); i < x->rank; i++) dims[n++] = x->dims[i];
  return ek_set_dims(ctx, ek_output(ctx, 0), n, dims);
}

static ek_status gather_nd_run(ek_op_context *ctx) {
  const ek_gather_nd_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1);
  ek_tensor *y = ek_output(ctx, 0);
  const uint32_t batch = (uint32_t)attrs->batch_dims, depth = (uint32_t)indices->dims[indices->rank - 1];
  const int64_t points = ek_dims_product(indices->dims, 0, indices->rank - 1);
  for (uint32_t k = 0; k < depth; k++) EK_TRY(ek_check_indices(ctx, indices, k, depth, points, x->dims[batch + k]));
  if (ek_tensor_elements(y) == 0) return EK_OK;
  const size_t run = (size_t)ek_dims_product(x->dims, batch + depth, x->rank) * ek_dtype_size(x->dtype);
  const int64_t per_batch = ek_dims_product(indices->dims, batch, indices->rank - 1);
  for (int64_t p = 0; p < points; p++) {
    int64_t at = p / per_batch; /* the batch index, flat */
    for (uint32_t k = 0; k < depth; k++) {
      const int64_t v = ek_index_at(indices, p * depth + k), dim = x->dims[batch + k];
      at = at * dim + (v < 0 ? v + dim : v);
    }
    ek_copy_item((char *)y->data + (size_t)p * run, (const char *)x->data + (size_t)at * run, run);
  }
  return EK_OK;
}

const ek_op ek_op_gather_nd = {"GatherND", gather_nd_shape, NULL, NULL, gather_nd_run};
