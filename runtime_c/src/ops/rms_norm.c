/* RmsNorm: x / sqrt(mean(x^2) + epsilon) over the last dimensions, then scale. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/normalization/rows.h"

typedef struct job {
  ek_rows rows;
  const float *x, *scale;
  float *y;
  double epsilon;
} job;

static ek_status rms_norm_shape(ek_op_context *ctx) {
  const ek_rms_norm_attrs *attrs = ctx->attrs;
  return ek_rows_norm_shape(ctx, attrs->axis, 1);
}

static void rms_norm_rows(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const size_t n = j->rows.length;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const float *x = j->x + i * n;
    float *y = j->y + i * n;
    const double square = ek_row_sum_squares(x, n, 1, 0) / (double)n;
    const float factor = (float)(1 / sqrt(square + j->epsilon));
    for (size_t k = 0; k < n; k++) {
      const float v = x[k] * factor;
      y[k] = j->scale != NULL ? v * j->scale[k] : v;
    }
  }
}

static ek_status rms_norm_run(ek_op_context *ctx) {
  const ek_rms_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *scale = ek_input(ctx, 1);
  job j = {.x = x->data, .y = ek_output(ctx, 0)->data, .epsilon = (double)attrs->epsilon};
  j.scale = scale != NULL ? scale->data : NULL;
  EK_TRY(ek_rows_from(ctx, x, attrs->axis, &j.rows));
  ek_rows_run(ctx->pool, &j.rows, rms_norm_rows, &j);
  return EK_OK;
}

const ek_op ek_op_rms_norm = {"RmsNorm", rms_norm_shape, ek_rows_prepare_f32, NULL, rms_norm_run};
