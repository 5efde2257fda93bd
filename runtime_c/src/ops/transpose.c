/* Transpose: permutes the dimensions. */
#include "ek_ops_gen.h"
#include "ops/strided.h"

/* Source dimension of each output dimension. */
static ek_status read_perm(ek_op_context *ctx, uint32_t *perm) {
  const ek_transpose_attrs *attrs = ctx->attrs;
  const uint32_t rank = ek_input(ctx, 0)->rank;
  uint32_t seen = 0;
  if (attrs->perm.count != 0 && attrs->perm.count != rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "perm has %u entries for a tensor of rank %u", attrs->perm.count, rank);
  }
  for (uint32_t i = 0; i < rank; i++) {
    const int64_t from = attrs->perm.count == 0 ? (int64_t)(rank - 1 - i) : attrs->perm.data[i];
    if (from < 0 || from >= (int64_t)rank || (seen >> from & 1u) != 0) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "perm is not a permutation of the %u dimensions", rank);
    }
    seen |= 1u << from;
    perm[i] = (uint32_t)from;
  }
  return EK_OK;
}

static ek_status transpose_shape(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  uint32_t perm[EK_MAX_RANK];
  int64_t dims[EK_MAX_RANK];
  EK_TRY(read_perm(ctx, perm));
  for (uint32_t i = 0; i < x->rank; i++) dims[i] = x->dims[perm[i]];
  return ek_set_dims(ctx, ek_output(ctx, 0), x->rank, dims);
}

static ek_status transpose_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  uint32_t perm[EK_MAX_RANK];
  int64_t strides[EK_MAX_RANK];
  ek_strided plan = {.rank = x->rank, .item = ek_dtype_size(x->dtype)};
  EK_TRY(read_perm(ctx, perm));
  if (ek_tensor_elements(x) == 0) return EK_OK;
  ek_row_major_strides(x->rank, x->dims, plan.item, strides);
  ek_row_major_strides(y->rank, y->dims, plan.item, plan.dst);
  for (uint32_t i = 0; i < x->rank; i++) {
    plan.dims[i] = y->dims[i];
    plan.src[i] = strides[perm[i]];
  }
  ek_copy_strided(ctx, plan, y->data, x->data);
  return EK_OK;
}

const ek_op ek_op_transpose = {"Transpose", transpose_shape, NULL, NULL, transpose_run};
