/* LogSoftmax: x - max - log(sum(exp(x - max))) along one axis. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/normalization/rows.h"

typedef struct job {
  ek_rows rows;
  const float *x;
  float *y;
} job;

static ek_status log_softmax_shape(ek_op_context *ctx) {
  const ek_log_softmax_attrs *attrs = ctx->attrs;
  ek_rows rows;
  EK_TRY(ek_rows_along(ctx, ek_input(ctx, 0), attrs->axis, &rows));
  return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0));
}

static void log_softmax_rows(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const size_t n = j->rows.length, step = j->rows.inner;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t start = ek_rows_start(&j->rows, i);
    const float *x = j->x + start;
    float *y = j->y + start;
    float top = x[0];
    double sum = 0;
    for (size_t k = 1; k < n; k++) {
      top = x[k * step] > top ? x[k * step] : top;
    }
    for (size_t k = 0; k < n; k++) {
      sum += (double)expf(x[k * step] - top);
    }
    const double shift = (double)top + log(sum);
    for (size_t k = 0; k < n; k++) {
      y[k * step] = (float)((double)x[k * step] - shift);
    }
  }
}

static ek_status log_softmax_run(ek_op_context *ctx) {
  const ek_log_softmax_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  job j = {.x = x->data, .y = ek_output(ctx, 0)->data};
  EK_TRY(ek_rows_along(ctx, x, attrs->axis, &j.rows));
  ek_rows_run(ctx->pool, &j.rows, log_softmax_rows, &j);
  return EK_OK;
}

const ek_op ek_op_log_softmax = {"LogSoftmax", log_softmax_shape, ek_rows_prepare_f32, NULL, log_softmax_run};
