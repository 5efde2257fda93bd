/* InstanceNorm: zero mean and unit variance, each image and channel by itself. */
#include "ek_ops_gen.h"
#include "ops/normalization/channels.h"
#include "ops/normalization/rows.h"

static ek_status instance_norm_shape(ek_op_context *ctx) {
  const ek_instance_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_channels c;
  EK_TRY(ek_channels_of(ctx, x, attrs->layout == EK_INSTANCE_NORM_LAYOUT_NHWC, 3, &c));
  EK_TRY(ek_channels_check(ctx, &c, 1, 2));
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

static ek_status instance_norm_run(ek_op_context *ctx) {
  const ek_instance_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_channels c;
  EK_TRY(ek_channels_of(ctx, x, attrs->layout == EK_INSTANCE_NORM_LAYOUT_NHWC, 3, &c));
  ek_channels_standardize(ctx->pool, &c, c.channels, attrs->epsilon, x->data, ek_input(ctx, 1)->data,
                          ek_input(ctx, 2)->data, ek_output(ctx, 0)->data);
  return EK_OK;
}

const ek_op ek_op_instance_norm = {"InstanceNorm", instance_norm_shape, ek_rows_prepare_f32, NULL, instance_norm_run};
