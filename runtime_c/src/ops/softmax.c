/* Softmax along one axis; int8 in integers only (ops/softmax_table.h). */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/normalization/rows.h"
#include "ops/quantized.h"
#include "ops/softmax_table.h"

typedef struct job {
  ek_rows rows;
  const void *x;
  void *y;
  const uint32_t *table;
} job;

static ek_status softmax_shape(ek_op_context *ctx) {
  const ek_softmax_attrs *attrs = ctx->attrs;
  ek_rows rows;
  EK_TRY(ek_rows_along(ctx, ek_input(ctx, 0), attrs->axis, &rows));
  return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0));
}

static ek_status softmax_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_tensor *x = ek_input(ctx, 0);
  const ek_tensor *y = ek_output(ctx, 0);
  if (x->dtype == EK_F32) {
    return EK_OK;
  }
  ek_affine qx, qy;
  if (x->dtype != EK_I8) {
    return ek_op_unsupported_type(ctx, x);
  }
  EK_TRY(ek_read_affine(ctx, x, &qx));
  EK_TRY(ek_read_affine(ctx, y, &qy));
  if (qy.scale != 1.0f / 256.0f || qy.zero_point != -128) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "int8 Softmax gives scale 1/256 and zero point -128, not %g and %d",
                      (double)qy.scale, (int)qy.zero_point);
  }
  memory->state_bytes = EK_SOFTMAX_TABLE_ENTRIES * sizeof(uint32_t);
  return EK_OK;
}

static ek_status softmax_init(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  if (x->dtype == EK_I8) {
    ek_softmax_table(x->quant->scale[0], ctx->state);
  }
  return EK_OK;
}

static void float_rows(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const size_t n = j->rows.length, step = j->rows.inner;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t start = ek_rows_start(&j->rows, i);
    const float *x = (const float *)j->x + start;
    float *y = (float *)j->y + start;
    float top = x[0];
    double sum = 0;
    for (size_t k = 1; k < n; k++) {
      top = x[k * step] > top ? x[k * step] : top;
    }
    for (size_t k = 0; k < n; k++) {
      const float e = expf(x[k * step] - top);
      y[k * step] = e;
      sum += (double)e;
    }
    const float scale = (float)(1.0 / sum);
    for (size_t k = 0; k < n; k++) {
      y[k * step] *= scale;
    }
  }
}

static void int8_rows(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const size_t n = j->rows.length, step = j->rows.inner;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t start = ek_rows_start(&j->rows, i);
    const int8_t *x = (const int8_t *)j->x + start;
    int8_t *y = (int8_t *)j->y + start;
    int top = x[0];
    uint64_t sum = 0;
    for (size_t k = 1; k < n; k++) {
      top = x[k * step] > top ? x[k * step] : top;
    }
    for (size_t k = 0; k < n; k++) {
      sum += j->table[top - x[k * step]];
    }
    for (size_t k = 0; k < n; k++) {
      const uint64_t p = ((uint64_t)j->table[top - x[k * step]] * 256 + sum / 2) / sum;
      y[k * step] = (int8_t)((int)(p < 255 ? p : 255) - 128);
    }
  }
}

static ek_status softmax_run(ek_op_context *ctx) {
  const ek_softmax_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  job j = {.x = x->data, .y = ek_output(ctx, 0)->data, .table = ctx->state};
  EK_TRY(ek_rows_along(ctx, x, attrs->axis, &j.rows));
  ek_rows_run(ctx->pool, &j.rows, x->dtype == EK_I8 ? int8_rows : float_rows, &j);
  return EK_OK;
}

const ek_op ek_op_softmax = {"Softmax", softmax_shape, softmax_prepare, softmax_init, softmax_run};
