/* Hardmax: 1 at the first largest element along one axis, 0 elsewhere. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/normalization/rows.h"

typedef struct job {
  ek_rows rows;
  const float *x;
  float *y;
} job;

static ek_status hardmax_shape(ek_op_context *ctx) {
  const ek_hardmax_attrs *attrs = ctx->attrs;
  ek_rows rows;
  EK_TRY(ek_rows_along(ctx, ek_input(ctx, 0), attrs->axis, &rows));
  return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0));
}

static void hardmax_rows(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const size_t n = j->rows.length, step = j->rows.inner;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t start = ek_rows_start(&j->rows, i);
    const float *x = j->x + start;
    float *y = j->y + start;
    size_t best = 0;
    for (size_t k = 1; k < n; k++) {
      best = x[k * step] > x[best * step] ? k : best;
    }
    for (size_t k = 0; k < n; k++) {
      y[k * step] = k == best ? 1.0f : 0.0f;
    }
  }
}

static ek_status hardmax_run(ek_op_context *ctx) {
  const ek_hardmax_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  job j = {.x = x->data, .y = ek_output(ctx, 0)->data};
  EK_TRY(ek_rows_along(ctx, x, attrs->axis, &j.rows));
  ek_rows_run(ctx->pool, &j.rows, hardmax_rows, &j);
  return EK_OK;
}

const ek_op ek_op_hardmax = {"Hardmax", hardmax_shape, ek_rows_prepare_f32, NULL, hardmax_run};
