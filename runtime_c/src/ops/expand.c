/* Expand: broadcasts a tensor to a shape. */
#include "ek_ops_gen.h"
#include "ops/strided.h"

static ek_status expand_shape(ek_op_context *ctx) {
  ek_tensor want = {.dtype = ek_input(ctx, 0)->dtype};
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 1), want.dims, EK_MAX_RANK, &want.rank));
  for (uint32_t i = 0; i < want.rank; i++) {
    if (want.dims[i] < 0)
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u of the shape is %lld", i, (long long)want.dims[i]);
  }
  return ek_broadcast_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0), &want);
}

static ek_status expand_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  int64_t strides[EK_MAX_RANK];
  ek_strided plan = {.rank = y->rank, .item = ek_dtype_size(x->dtype)};
  if (ek_tensor_elements(y) == 0) return EK_OK;
  ek_row_major_strides(x->rank, x->dims, plan.item, strides);
  ek_row_major_strides(y->rank, y->dims, plan.item, plan.dst);
  for (uint32_t i = 0; i < y->rank; i++) {
    const uint32_t ahead = y->rank - x->rank;
    plan.dims[i] = y->dims[i];
    plan.src[i] = i < ahead || x->dims[i - ahead] == 1 ? 0 : strides[i - ahead];
  }
  ek_copy_strided(ctx, plan, y->data, x->data);
  return EK_OK;
}

const ek_op ek_op_expand = {"Expand", expand_shape, NULL, NULL, expand_run};
