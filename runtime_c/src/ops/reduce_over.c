/* ReduceOver: a reduction whose axes are computed at run time. */
#include "ek_ops_gen.h"
#include "ops/reduce.h"

static const ek_reduce_kind kinds[] = {EK_REDUCE_SUM, EK_REDUCE_MEAN,       EK_REDUCE_MAX,
                                       EK_REDUCE_MIN, EK_REDUCE_PROD,       EK_REDUCE_L1,
                                       EK_REDUCE_L2,  EK_REDUCE_SUM_SQUARE, EK_REDUCE_LOG_SUM_EXP};

static bool is_float(ek_dtype t) { return t == EK_F32 || t == EK_F16 || t == EK_F64; }

/* What to do; `axes` holds the list. */
static ek_status read_how(ek_op_context *ctx, int64_t *axes, ek_reduce *how) {
  const ek_reduce_over_attrs *attrs = ctx->attrs;
  uint32_t count = 0;
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 1), axes, EK_MAX_RANK, &count));
  *how = (ek_reduce){kinds[attrs->kind], {axes, count}, attrs->keepdims};
  return EK_OK;
}

static ek_status reduce_over_shape(ek_op_context *ctx) {
  const ek_reduce_over_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  if ((uint32_t)attrs->kind >= sizeof kinds / sizeof *kinds) {
    return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "reduction %d is not known", (int)attrs->kind);
  }
  const ek_reduce_kind kind = kinds[attrs->kind];
  if (x->quant != NULL || (!is_float(x->dtype) && (kind == EK_REDUCE_L2 || kind == EK_REDUCE_LOG_SUM_EXP))) {
    return ek_op_unsupported_type(ctx, x);
  }
  int64_t axes[EK_MAX_RANK];
  ek_reduce how;
  EK_TRY(read_how(ctx, axes, &how));
  return ek_reduce_shape(ctx, &how);
}

static ek_status reduce_over_run(ek_op_context *ctx) {
  int64_t axes[EK_MAX_RANK];
  ek_reduce how;
  EK_TRY(read_how(ctx, axes, &how));
  return ek_reduce_run(ctx, &how);
}

const ek_op ek_op_reduce_over = {"ReduceOver", reduce_over_shape, NULL, NULL, reduce_over_run};
