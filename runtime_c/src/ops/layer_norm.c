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
  return ek_rows_norm_shape(ctx, attrs->axis, 2);
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

const ek_op ek_op_layer_norm = {"LayerNorm", layer_norm_shape, ek_rows_prepare_f32, NULL, layer_norm_run};
