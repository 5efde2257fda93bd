/* GlobalMaxPool: see ops/pool/pool.h. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/pool/pool.h"

static ek_pool_spec spec_of(const ek_op_context *ctx) {
  const ek_global_max_pool_attrs *a = ctx->attrs;
  const ek_pool_spec spec = {.kind = EK_POOL_MAX,
                             .global = true,
                             .channels_last = a->layout == EK_GLOBAL_MAX_POOL_LAYOUT_NHWC,
                             .clamp_min = -INFINITY,
                             .clamp_max = INFINITY};
  return spec;
}

static ek_status global_max_pool_shape(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_shape(ctx, &spec);
}

static ek_status global_max_pool_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_prepare(ctx, &spec, memory);
}

static ek_status global_max_pool_init(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_init(ctx, &spec);
}

static ek_status global_max_pool_run(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_run(ctx, &spec);
}

const ek_op ek_op_global_max_pool = {"GlobalMaxPool", global_max_pool_shape, global_max_pool_prepare,
                                     global_max_pool_init, global_max_pool_run};
