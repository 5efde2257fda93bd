/* Quantize: float32 to 8 or 16 bit integers, clamp(rne(x / scale) + zero_point). */
#include "base/requantize.h"
#include "ek_ops_gen.h"
#include "ops/elementwise/channels.h"
#include "ukernels/f32_vquantize/f32_vquantize.h"

static ek_status quantize_shape(ek_op_context *ctx) { return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0)); }

static ek_status quantize_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_tensor *y = ek_output(ctx, 0);
  EK_TRY(ek_check_quant(ctx, y, true));
  if (y->dtype == EK_I8 || y->dtype == EK_U8) {
    memory->kernel = ek_f32_vquantize_select(ctx->cpu_features)->info.name;
  }
  return EK_OK;
}

typedef struct quantize_job {
  const float *x;
  const ek_tensor *y;
  const ek_f32_vquantize_row *row;
} quantize_job;

static void quantize_run_channel(const void *argument, size_t n, size_t offset, size_t channel) {
  const quantize_job *job = argument;
  const float scale = ek_channel_scale(job->y->quant, channel), *x = job->x + offset;
  const int32_t zero = ek_channel_zero(job->y->quant, channel);
  if (job->y->dtype == EK_I8 || job->y->dtype == EK_U8) {
    const bool is_unsigned = job->y->dtype == EK_U8;
    const ek_f32_vquantize_args args = {scale, is_unsigned ? zero - 128 : zero, INT8_MIN, INT8_MAX,
                                        is_unsigned ? 0x80 : 0};
    job->row->fn(n, x, (int8_t *)job->y->data + offset, &args);
    return;
  }
  int32_t min, max;
  if (!ek_quantized_range(job->y->dtype, &min, &max)) {
    return;
  }
  const float low = (float)(min - zero), high = (float)(max - zero);
  for (size_t i = 0; i < n; i++) {
    float q = x[i] / scale;
    q = q == q ? q : 0.0f;
    q = q < low ? low : q > high ? high : q;
    ((uint16_t *)job->y->data)[offset + i] = (uint16_t)(ek_round_nearest_even(q) + zero);
  }
}

static ek_status quantize_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  const quantize_job job = {x->data, ek_output(ctx, 0), ek_f32_vquantize_select(ctx->cpu_features)};
  ek_channels_run(ctx->pool, x, job.y->quant->axis, quantize_run_channel, &job);
  return EK_OK;
}

const ek_op ek_op_quantize = {"Quantize", quantize_shape, quantize_prepare, NULL, quantize_run};
