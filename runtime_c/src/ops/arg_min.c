/* ArgMin: position of the smallest element along an axis. */
#include "ek_ops_gen.h"
#include "ops/arg_reduce.h"

static ek_arg_reduce how(const ek_op_context *ctx) {
  const ek_arg_min_attrs *attrs = ctx->attrs;
  return (ek_arg_reduce){attrs->axis, attrs->keepdims, attrs->select_last, false};
}

static ek_status arg_min_shape(ek_op_context *ctx) {
  const ek_arg_reduce h = how(ctx);
  return ek_arg_reduce_shape(ctx, &h);
}

static ek_status arg_min_run(ek_op_context *ctx) {
  const ek_arg_reduce h = how(ctx);
  return ek_arg_reduce_run(ctx, &h);
}

const ek_op ek_op_arg_min = {"ArgMin", arg_min_shape, NULL, NULL, arg_min_run};
