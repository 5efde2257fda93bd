/* DepthToSpace: blocks of channels become squares of pixels. */
#include "ek_ops_gen.h"
#include "ops/strided.h"

static ek_status depth_to_space_shape(ek_op_context *ctx) {
  const ek_depth_to_space_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  const int64_t b = attrs->block_size;
  const bool nhwc = attrs->layout == EK_DEPTH_TO_SPACE_LAYOUT_NHWC;
  if (x->rank != 4) return ek_op_fail(ctx, EK_ERR_SHAPE, "a tensor of rank 4 is needed, got %u", x->rank);
  const uint32_t c = nhwc ? 3 : 1, h = nhwc ? 1 : 2, w = h + 1;
  if (b < 1 || b > 65536 || x->dims[c] % (b * b) != 0 || x->dims[h] > INT64_MAX / b || x->dims[w] > INT64_MAX / b) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%lld channels cannot be cut into blocks of %lld", (long long)x->dims[c],
                      (long long)b);
  }
  int64_t dims[EK_MAX_RANK] = {x->dims[0]};
  dims[c] = x->dims[c] / (b * b);
  dims[h] = x->dims[h] * b;
  dims[w] = x->dims[w] * b;
  return ek_set_dims(ctx, ek_output(ctx, 0), 4, dims);
}

static ek_status depth_to_space_run(ek_op_context *ctx) {
  const ek_depth_to_space_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  const int64_t b = attrs->block_size;
  const bool nhwc = attrs->layout == EK_DEPTH_TO_SPACE_LAYOUT_NHWC, crd = attrs->mode == EK_DEPTH_TO_SPACE_MODE_CRD;
  const uint32_t c = nhwc ? 3 : 1, h = nhwc ? 1 : 2, w = h + 1;
  const size_t item = ek_dtype_size(x->dtype);
  int64_t xs[EK_MAX_RANK], ys[EK_MAX_RANK];
  if (ek_tensor_elements(y) == 0) return EK_OK;
  ek_row_major_strides(4, x->dims, item, xs);
  ek_row_major_strides(4, y->dims, item, ys);
  const int64_t depth = y->dims[c];
  const int64_t row = xs[c] * (crd ? b : b * depth), column = xs[c] * (crd ? 1 : depth),
                channel = xs[c] * (crd ? b * b : 1);
  /* in the order of the output: image, rows, rows in a block, columns, columns in a block, with the channels where the layout has them */
  const int64_t dims[6] = {x->dims[0], x->dims[h], b, x->dims[w], b, depth};
  const int64_t src[6] = {xs[0], xs[h], row, xs[w], column, channel};
  const int64_t dst[6] = {ys[0], ys[h] * b, ys[h], ys[w] * b, ys[w], ys[c]};
  static const uint8_t nchw_order[6] = {0, 5, 1, 2, 3, 4}, nhwc_order[6] = {0, 1, 2, 3, 4, 5};
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

const ek_op ek_op_depth_to_space = {"DepthToSpace", depth_to_space_shape, NULL, NULL, depth_to_space_run};
