/* ArgMax: position of the largest element along an axis. */
#include "ek_ops_gen.h"
#include "ops/arg_reduce.h"

static ek_arg_reduce how(const ek_op_context *ctx) {
  const ek_arg_max_attrs *attrs = ctx->attrs;
  return (ek_arg_reduce){attrs->axis, attrs->keepdims, attrs->select_last, true};
}

static ek_status arg_max_shape(ek_op_context *ctx) {
  const ek_arg_reduce h = how(ctx);
  return ek_arg_reduce_shape(ctx, &h);
}

static ek_status arg_max_run(ek_op_context *ctx) {
  const ek_arg_reduce h = how(ctx);
  return ek_arg_reduce_run(ctx, &h);
}

const ek_op ek_op_arg_max = {"ArgMax", arg_max_shape, NULL, NULL, arg_max_run};
