/* MaxPool: see ops/pool/pool.h. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/pool/pool.h"

static ek_pool_spec spec_of(const ek_op_context *ctx) {
  const ek_max_pool_attrs *a = ctx->attrs;
  const ek_pool_spec spec = {EK_POOL_MAX,
                             false,
                             a->layout == EK_MAX_POOL_LAYOUT_NHWC,
                             a->ceil_mode,
                             false,
                             a->kernel,
                             a->strides,
                             a->pads,
                             a->dilations,
                             0,
                             a->clamp_min,
                             a->clamp_max};
  return spec;
}

static ek_status max_pool_shape(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_shape(ctx, &spec);
}

static ek_status max_pool_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_prepare(ctx, &spec, memory);
}

static ek_status max_pool_init(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_init(ctx, &spec);
}

static ek_status max_pool_run(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_run(ctx, &spec);
}

const ek_op ek_op_max_pool = {"MaxPool", max_pool_shape, max_pool_prepare, max_pool_init, max_pool_run};
