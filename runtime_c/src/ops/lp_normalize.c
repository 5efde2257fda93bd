/* LpNormalize: x / norm along one axis; zeros stay zeros. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/normalization/rows.h"

typedef struct job {
  ek_rows rows;
  const float *x;
  float *y;
  int64_t p;
} job;

static ek_status lp_normalize_shape(ek_op_context *ctx) {
  const ek_lp_normalize_attrs *attrs = ctx->attrs;
  ek_rows rows;
  if (attrs->p != 1 && attrs->p != 2) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "p is %lld, not 1 or 2", (long long)attrs->p);
  }
  EK_TRY(ek_rows_along(ctx, ek_input(ctx, 0), attrs->axis, &rows));
  return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0));
}

static void lp_normalize_rows(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const size_t n = j->rows.length, step = j->rows.inner;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t start = ek_rows_start(&j->rows, i);
    const float *x = j->x + start;
    float *y = j->y + start;
    double norm = 0;
    if (j->p == 1) {
      for (size_t k = 0; k < n; k++) {
        norm += fabs((double)x[k * step]);
      }
    } else {
      norm = sqrt(ek_row_sum_squares(x, n, step, 0));
    }
    const double scale = norm != 0 ? 1 / norm : 1;
    for (size_t k = 0; k < n; k++) {
      y[k * step] = (float)((double)x[k * step] * scale);
    }
  }
}

static ek_status lp_normalize_run(ek_op_context *ctx) {
  const ek_lp_normalize_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  job j = {.x = x->data, .y = ek_output(ctx, 0)->data, .p = attrs->p};
  EK_TRY(ek_rows_along(ctx, x, attrs->axis, &j.rows));
  ek_rows_run(ctx->pool, &j.rows, lp_normalize_rows, &j);
  return EK_OK;
}

const ek_op ek_op_lp_normalize = {"LpNormalize", lp_normalize_shape, ek_rows_prepare_f32, NULL, lp_normalize_run};
