/* LRN: x / (bias + alpha / size * sum of squares over a window of channels)^beta. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/normalization/channels.h"
#include "ops/normalization/rows.h"

typedef struct job {
  ek_channels c;
  const ek_lrn_attrs *attrs;
  const float *x;
  float *y;
} job;

static ek_status lrn_shape(ek_op_context *ctx) {
  const ek_lrn_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_channels c;
  if (attrs->size < 1) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "size is %lld", (long long)attrs->size);
  }
  EK_TRY(ek_channels_of(ctx, x, attrs->layout == EK_LRN_LAYOUT_NHWC, 2, &c));
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

static void lrn_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const ek_channels *s = &j->c;
  const int64_t channels = (int64_t)s->channels, before = (j->attrs->size - 1) / 2, after = j->attrs->size / 2;
  const double alpha = (double)j->attrs->alpha / (double)j->attrs->size, beta = (double)j->attrs->beta,
               bias = (double)j->attrs->bias;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t start = i / s->positions * s->channels * s->positions + i % s->positions * s->s_step;
    const float *x = j->x + start;
    float *y = j->y + start;
    for (int64_t c = 0; c < channels; c++) {
      const int64_t first = c > before ? c - before : 0, last = after < channels - 1 - c ? c + after : channels - 1;
      double sum = 0;
      for (int64_t k = first; k <= last; k++) {
        const double v = (double)x[(size_t)k * s->c_step];
        sum += v * v;
      }
      y[(size_t)c * s->c_step] = (float)((double)x[(size_t)c * s->c_step] * pow(bias + alpha * sum, -beta));
    }
  }
}

static ek_status lrn_run(ek_op_context *ctx) {
  const ek_lrn_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  job j = {.attrs = attrs, .x = x->data, .y = ek_output(ctx, 0)->data};
  EK_TRY(ek_channels_of(ctx, x, attrs->layout == EK_LRN_LAYOUT_NHWC, 2, &j.c));
  ek_parallel_for(ctx->pool, j.c.batch * j.c.positions, j.c.channels < 1024 ? 1024 / (j.c.channels + 1) : 1, lrn_range,
                  &j);
  return EK_OK;
}

const ek_op ek_op_lrn = {"LRN", lrn_shape, ek_rows_prepare_f32, NULL, lrn_run};
