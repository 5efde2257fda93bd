/* SpaceToDepth: squares of pixels become channels, ordered (row, column, depth). */
#include "ek_ops_gen.h"
#include "ops/strided.h"

static ek_status space_to_depth_shape(ek_op_context *ctx) {
  const ek_space_to_depth_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  const int64_t b = attrs->block_size;
  const bool nhwc = attrs->layout == EK_SPACE_TO_DEPTH_LAYOUT_NHWC;
  if (x->rank != 4) return ek_op_fail(ctx, EK_ERR_SHAPE, "a tensor of rank 4 is needed, got %u", x->rank);
  const uint32_t c = nhwc ? 3 : 1, h = nhwc ? 1 : 2, w = h + 1;
  if (b < 1 || b > 65536 || x->dims[h] % b != 0 || x->dims[w] % b != 0 || x->dims[c] > INT64_MAX / (b * b)) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%lld x %lld pixels cannot be cut into squares of %lld", (long long)x->dims[h],
                      (long long)x->dims[w], (long long)b);
  }
  int64_t dims[EK_MAX_RANK] = {x->dims[0]};
  dims[c] = x->dims[c] * b * b;
  dims[h] = x->dims[h] / b;
  dims[w] = x->dims[w] / b;
  return ek_set_dims(ctx, ek_output(ctx, 0), 4, dims);
}

static ek_status space_to_depth_run(ek_op_context *ctx) {
  const ek_space_to_depth_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  const int64_t b = attrs->block_size;
  const bool nhwc = attrs->layout == EK_SPACE_TO_DEPTH_LAYOUT_NHWC;
  const uint32_t c = nhwc ? 3 : 1, h = nhwc ? 1 : 2, w = h + 1;
  const size_t item = ek_dtype_size(x->dtype);
  int64_t xs[EK_MAX_RANK], ys[EK_MAX_RANK];
  if (ek_tensor_elements(y) == 0) return EK_OK;
  ek_row_major_strides(4, x->dims, item, xs);
  ek_row_major_strides(4, y->dims, item, ys);
  const int64_t depth = x->dims[c];
  const int64_t dims[6] = {x->dims[0], y->dims[h], y->dims[w], b, b, depth};
  const int64_t src[6] = {xs[0], xs[h] * b, xs[w] * b, xs[h], xs[w], xs[c]};
  const int64_t dst[6] = {ys[0], ys[h], ys[w], ys[c] * b * depth, ys[c] * depth, ys[c]};
  static const uint8_t nchw_order[6] = {0, 3, 4, 5, 1, 2}, nhwc_order[6] = {0, 1, 2, 3, 4, 5};
  ek_strided plan = {.rank = 6, .item = item};
  for (uint32_t i = 0; i < 6; i++) {
    const uint8_t from = nhwc ? nhwc_order[i] : nchw_order[i];
    plan.dims[i] = dims[from];
    plan.src[i] = src[from];
    plan.dst[i] = dst[from];
  }
  ek_copy_strided(ctx, plan, y->data, x->data);
  return EK_OK;
}

const ek_op ek_op_space_to_depth = {"SpaceToDepth", space_to_depth_shape, NULL, NULL, space_to_depth_run};
