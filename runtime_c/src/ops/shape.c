/* Shape: the dimensions of a tensor. Needs no data, so the result is there before the input is. */
#include "ek_ops_gen.h"
#include "ops/op.h"

/* The range [*begin, *end) of dimensions asked for, by Python's rules. */
static void shape_range(const ek_op_context *ctx, int64_t *begin, int64_t *end) {
  const ek_shape_attrs *attrs = ctx->attrs;
  const int64_t rank = ek_input(ctx, 0)->rank;
  int64_t b = attrs->start, e = attrs->end;
  b = b < -rank ? 0 : b < 0 ? b + rank : b > rank ? rank : b;
  e = e < -rank ? 0 : e < 0 ? e + rank : e > rank ? rank : e;
  *begin = b;
  *end = e < b ? b : e;
}

static ek_status shape_shape(ek_op_context *ctx) {
  int64_t begin = 0, end = 0;
  shape_range(ctx, &begin, &end);
  const int64_t n = end - begin;
  return ek_set_dims(ctx, ek_output(ctx, 0), 1, &n);
}

static ek_status shape_run(ek_op_context *ctx) {
  int64_t begin = 0, end = 0;
  int64_t *y = ek_output(ctx, 0)->data;
  shape_range(ctx, &begin, &end);
  for (int64_t i = begin; i < end; i++) y[i - begin] = ek_input(ctx, 0)->dims[i];
  return EK_OK;
}

const ek_op ek_op_shape = {"Shape", shape_shape, NULL, NULL, shape_run};
