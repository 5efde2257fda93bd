/* LayerNorm: zero mean and unit variance over the last dimensions, then scale and bias. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/normalization/rows.h"

typedef struct job {
  ek_rows rows;
  const float *x, *scale, *bias;
  float *y;
  double epsilon;
} job;

static ek_status layer_norm_shape(ek_op_context *ctx) {
  const ek_layer_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  uint32_t axis;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  for (uint32_t i = 1; i < 3; i++) {
    const ek_tensor *v = ek_input(ctx, i);
    bool fits = v == NULL || v->rank == x->rank - axis;
    for (uint32_t d = axis; v != NULL && fits && d < x->rank; d++) {
      fits = v->dims[d - axis] == x->dims[d];
    }
    if (!fits) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "input %u needs the shape of the normalized dimensions", i);
    }
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

static ek_status layer_norm_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_tensor *x = ek_input(ctx, 0);
  (void)memory;
  return x->dtype == EK_F32 ? EK_OK : ek_op_unsupported_type(ctx, x);
}

static void layer_norm_rows(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const size_t n = j->rows.length;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const float *x = j->x + i * n;
    float *y = j->y + i * n;
    const double mean = ek_row_sum(x, n, 1) / (double)n;
    const double variance = ek_row_sum_squares(x, n, 1, mean) / (double)n;
    const float shift = (float)mean, low = (float)(mean - (double)shift),
                factor = (float)(1 / sqrt(variance + j->epsilon));
    for (size_t k = 0; k < n; k++) {
      float v = (x[k] - shift - low) * factor;
      v = j->scale != NULL ? v * j->scale[k] : v;
      y[k] = j->bias != NULL ? v + j->bias[k] : v;
    }
  }
}

static ek_status layer_norm_run(ek_op_context *ctx) {
  const ek_layer_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *scale = ek_input(ctx, 1), *bias = ek_input(ctx, 2);
  job j = {.x = x->data, .y = ek_output(ctx, 0)->data, .epsilon = (double)attrs->epsilon};
  j.scale = scale != NULL ? scale->data : NULL;
  j.bias = bias != NULL ? bias->data : NULL;
  EK_TRY(ek_rows_from(ctx, x, attrs->axis, &j.rows));
  ek_rows_run(ctx->pool, &j.rows, layer_norm_rows, &j);
  return EK_OK;
}

const ek_op ek_op_layer_norm = {"LayerNorm", layer_norm_shape, layer_norm_prepare, NULL, layer_norm_run};
