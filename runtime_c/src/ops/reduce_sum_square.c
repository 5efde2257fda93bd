/* ReduceSumSquare: sum of squares over axes. */
#include "ek_ops_gen.h"
#include "ops/reduce.h"

static ek_reduce how(const ek_op_context *ctx) {
  const ek_reduce_sum_square_attrs *attrs = ctx->attrs;
  return (ek_reduce){EK_REDUCE_SUM_SQUARE, attrs->axes, attrs->keepdims};
}

static ek_status reduce_sum_square_shape(ek_op_context *ctx) {
  const ek_reduce h = how(ctx);
  return ek_reduce_shape(ctx, &h);
}

static ek_status reduce_sum_square_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_reduce h = how(ctx);
  (void)memory;
  return ek_reduce_prepare(ctx, &h);
}

static ek_status reduce_sum_square_run(ek_op_context *ctx) {
  const ek_reduce h = how(ctx);
  return ek_reduce_run(ctx, &h);
}

const ek_op ek_op_reduce_sum_square = {"ReduceSumSquare", reduce_sum_square_shape, reduce_sum_square_prepare, NULL,
                                       reduce_sum_square_run};
