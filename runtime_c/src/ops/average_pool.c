/* AveragePool: see ops/pool/pool.h. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/pool/pool.h"

static ek_pool_spec spec_of(const ek_op_context *ctx) {
  const ek_average_pool_attrs *a = ctx->attrs;
  const ek_pool_spec spec = {EK_POOL_AVERAGE,
                             false,
                             a->layout == EK_AVERAGE_POOL_LAYOUT_NHWC,
                             a->ceil_mode,
                             a->count_include_pad,
                             a->kernel,
                             a->strides,
                             a->pads,
                             a->dilations,
                             0,
                             -INFINITY,
                             INFINITY,
                             (ek_pool_rounding)a->rounding};
  return spec;
}

static ek_status average_pool_shape(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_shape(ctx, &spec);
}

static ek_status average_pool_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_prepare(ctx, &spec, memory);
}

static ek_status average_pool_init(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_init(ctx, &spec);
}

static ek_status average_pool_run(ek_op_context *ctx) {
  const ek_pool_spec spec = spec_of(ctx);
  return ek_pool_run(ctx, &spec);
}

const ek_op ek_op_average_pool = {"AveragePool", average_pool_shape, average_pool_prepare, average_pool_init,
                                  average_pool_run};
