/* Tile: repeats the whole tensor along each dimension. */
#include "ek_ops_gen.h"
#include "ops/strided.h"

static ek_status tile_shape(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  int64_t times[EK_MAX_RANK], dims[EK_MAX_RANK];
  uint32_t n = 0;
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 1), times, EK_MAX_RANK, &n));
  if (n != x->rank) return ek_op_fail(ctx, EK_ERR_SHAPE, "%u repeats for a tensor of rank %u", n, x->rank);
  for (uint32_t i = 0; i < n; i++) {
    if (times[i] < 0 || (times[i] > 0 && x->dims[i] > INT64_MAX / times[i])) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u cannot be repeated %lld times", i, (long long)times[i]);
    }
    dims[i] = x->dims[i] * times[i];
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), n, dims);
}

static ek_status tile_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  int64_t from[EK_MAX_RANK], to[EK_MAX_RANK];
  ek_strided plan = {.rank = 2 * x->rank, .item = ek_dtype_size(x->dtype)};
  if (ek_tensor_elements(y) == 0) return EK_OK;
  ek_row_major_strides(x->rank, x->dims, plan.item, from);
  ek_row_major_strides(y->rank, y->dims, plan.item, to);
  for (uint32_t i = 0; i < x->rank; i++) { /* each dimension becomes (repeat, position) */
    plan.dims[2 * i] = y->dims[i] / x->dims[i];
    plan.dst[2 * i] = to[i] * x->dims[i];
    plan.dims[2 * i + 1] = x->dims[i];
    plan.src[2 * i + 1] = from[i];
    plan.dst[2 * i + 1] = to[i];
  }
  ek_copy_strided(ctx, plan, y->data, x->data);
  return EK_OK;
}

const ek_op ek_op_tile = {"Tile", tile_shape, NULL, NULL, tile_run};
