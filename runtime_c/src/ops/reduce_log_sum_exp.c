/* ReduceLogSumExp: log of the sum of exponentials over axes. */
#include "ek_ops_gen.h"
#include "ops/reduce.h"

static ek_reduce how(const ek_op_context *ctx) {
  const ek_reduce_log_sum_exp_attrs *attrs = ctx->attrs;
  return (ek_reduce){EK_REDUCE_LOG_SUM_EXP, attrs->axes, attrs->keepdims};
}

static ek_status reduce_log_sum_exp_shape(ek_op_context *ctx) {
  const ek_reduce h = how(ctx);
  return ek_reduce_shape(ctx, &h);
}

static ek_status reduce_log_sum_exp_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_reduce h = how(ctx);
  (void)memory;
  return ek_reduce_prepare(ctx, &h);
}

static ek_status reduce_log_sum_exp_run(ek_op_context *ctx) {
  const ek_reduce h = how(ctx);
  return ek_reduce_run(ctx, &h);
}

const ek_op ek_op_reduce_log_sum_exp = {"ReduceLogSumExp", reduce_log_sum_exp_shape, reduce_log_sum_exp_prepare, NULL,
                                        reduce_log_sum_exp_run};
