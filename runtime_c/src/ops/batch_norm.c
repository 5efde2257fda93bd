/* BatchNorm: (x - mean) / sqrt(var + epsilon) * scale + bias, one entry of each a channel. Usually folded into a
 * convolution. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/normalization/channels.h"

static ek_status batch_norm_shape(ek_op_context *ctx) {
  const ek_batch_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_channels c;
  EK_TRY(ek_channels_of(ctx, x, attrs->layout == EK_BATCH_NORM_LAYOUT_NHWC, 2, &c));
  EK_TRY(ek_channels_check(ctx, &c, 1, 4));
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

static ek_status batch_norm_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_batch_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_channels c;
  if (x->dtype != EK_F32) {
    return ek_op_unsupported_type(ctx, x);
  }
  EK_TRY(ek_channels_of(ctx, x, attrs->layout == EK_BATCH_NORM_LAYOUT_NHWC, 2, &c));
  if (c.channels > SIZE_MAX / sizeof(float)) {
    return ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "%zu channels", c.channels);
  }
  memory->scratch_bytes = c.channels * sizeof(float); /* scale / sqrt(var + epsilon) */
  return EK_OK;
}

typedef struct job {
  ek_channels c;
  const float *x, *factor, *mean, *bias;
  float *y;
} job;

static void batch_norm_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const ek_channels *s = &j->c;
  (void)thread;
  for (size_t i = begin; i < end; i++) { /* i: a row of what lies side by side */
    if (s->c_step == 1) {
      const float *x = j->x + i * s->channels;
      float *y = j->y + i * s->channels;
      for (size_t c = 0; c < s->channels; c++) {
        y[c] = (x[c] - j->mean[c]) * j->factor[c] + j->bias[c];
      }
    } else {
      const float *x = j->x + i * s->positions;
      float *y = j->y + i * s->positions;
      const float mean = j->mean[i % s->channels], factor = j->factor[i % s->channels], bias = j->bias[i % s->channels];
      for (size_t p = 0; p < s->positions; p++) {
        y[p] = (x[p] - mean) * factor + bias;
      }
    }
  }
}

static ek_status batch_norm_run(ek_op_context *ctx) {
  const ek_batch_norm_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  const float *scale = ek_input(ctx, 1)->data, *var = ek_input(ctx, 4)->data;
  float *factor = ctx->scratch;
  job j = {.x = x->data,
           .y = ek_output(ctx, 0)->data,
           .factor = factor,
           .bias = ek_input(ctx, 2)->data,
           .mean = ek_input(ctx, 3)->data};
  EK_TRY(ek_channels_of(ctx, x, attrs->layout == EK_BATCH_NORM_LAYOUT_NHWC, 2, &j.c));
  if (j.c.batch == 0 || j.c.channels == 0) {
    return EK_OK;
  }
  for (size_t c = 0; c < j.c.channels; c++) {
    factor[c] = (float)((double)scale[c] / sqrt((double)var[c] + (double)attrs->epsilon));
  }
  const size_t rows = j.c.c_step == 1 ? j.c.positions : j.c.channels,
               length = j.c.c_step == 1 ? j.c.channels : j.c.positions;
  ek_parallel_for(ctx->pool, j.c.batch * rows, length < 8192 ? 8192 / length : 1, batch_norm_range, &j);
  return EK_OK;
}

const ek_op ek_op_batch_norm = {"BatchNorm", batch_norm_shape, batch_norm_prepare, NULL, batch_norm_run};
