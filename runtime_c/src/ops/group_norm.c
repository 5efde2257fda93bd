/* GroupNorm: zero mean and unit variance, each image and group of channels by itself. */
#include "ek_ops_gen.h"
#include "ops/normalization/channels.h"
#include "ops/normalization/rows.h"

static ek_status group_norm_shape(ek_op_context *ctx) {
  const ek_group_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_channels c;
  EK_TRY(ek_channels_of(ctx, x, attrs->layout == EK_GROUP_NORM_LAYOUT_NHWC, 3, &c));
  if (attrs->groups < 1 || (uint64_t)c.channels % (uint64_t)attrs->groups != 0) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%zu channels do not split into %lld groups", c.channels,
                      (long long)attrs->groups);
  }
  EK_TRY(ek_channels_check(ctx, &c, 1, 2));
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

static ek_status group_norm_run(ek_op_context *ctx) {
  const ek_group_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_channels c;
  EK_TRY(ek_channels_of(ctx, x, attrs->layout == EK_GROUP_NORM_LAYOUT_NHWC, 3, &c));
  ek_channels_standardize(ctx->pool, &c, (size_t)attrs->groups, attrs->epsilon, x->data, ek_input(ctx, 1)->data,
                          ek_input(ctx, 2)->data, ek_output(ctx, 0)->data);
  return EK_OK;
}

const ek_op ek_op_group_norm = {"GroupNorm", group_norm_shape, ek_rows_prepare_f32, NULL, group_norm_run};
