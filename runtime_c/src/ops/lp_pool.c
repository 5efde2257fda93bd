/* LpPool: see ops/pool/pool.h. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/pool/pool.h"

static ek_pool_spec spec_of(const ek_op_context *ctx) {
  const ek_lp_pool_attrs *a = ctx->attrs;
  const ek_pool_spec spec = {EK_POOL_LP,   false,     a->layout == EK_LP_POOL_LAYOUT_NHWC,
                             a->ceil_mode, false,     a->kernel,
                             a->strides,   a->pads,   a->dilations,
                             a->p,         -INFINITY, INFINITY};
  return spec;
}

static ek_status lp_pool_shape(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_shape(ctx, &spec);
}

static ek_status lp_pool_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_prepare(ctx, &spec, memory);
}

static ek_status lp_pool_init(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_init(ctx, &spec);
}

static ek_status lp_pool_run(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_run(ctx, &spec);
}

const ek_op ek_op_lp_pool = {"LpPool", lp_pool_shape, lp_pool_prepare, lp_pool_init, lp_pool_run};
