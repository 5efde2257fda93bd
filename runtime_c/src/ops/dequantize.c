/* Dequantize: 8, 16 or 32 bit integers to float32, (float)(x - zero_point) * scale. */
#include "ek_ops_gen.h"
#include "ops/elementwise/channels.h"
#include "ukernels/qs8_vdequantize/qs8_vdequantize.h"

static ek_status dequantize_shape(ek_op_context *ctx) { return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0)); }

static ek_status dequantize_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_tensor *x = ek_input(ctx, 0);
  EK_TRY(ek_check_quant(ctx, x, true));
  if (x->dtype == EK_I8 || x->dtype == EK_U8) {
    memory->kernel = ek_qs8_vdequantize_select(ctx->cpu_features)->info.name;
  }
  return EK_OK;
}

typedef struct dequantize_job {
  const ek_tensor *x;
  float *y;
  const ek_qs8_vdequantize_row *row;
} dequantize_job;

static void dequantize_run_channel(const void *argument, size_t n, size_t offset, size_t channel) {
  const dequantize_job *job = argument;
  const float scale = ek_channel_scale(job->x->quant, channel);
  const int32_t zero = ek_channel_zero(job->x->quant, channel);
  const bool is_unsigned = job->x->dtype == EK_U8;
  const ek_qs8_vdequantize_args args = {scale, is_unsigned ? zero - 128 : zero, is_unsigned ? 0x80 : 0};
  float *y = job->y + offset;
  switch (job->x->dtype) {
    case EK_I8:
    case EK_U8: job->row->fn(n, (const int8_t *)job->x->data + offset, y, &args); break;
    case EK_I16:
      for (size_t i = 0; i < n; i++) y[i] = (float)(((const int16_t *)job->x->data)[offset + i] - zero) * scale;
      break;
    case EK_U16:
      for (size_t i = 0; i < n; i++) y[i] = (float)(((const uint16_t *)job->x->data)[offset + i] - zero) * scale;
      break;
    default: /* the difference wraps around */
      for (size_t i = 0; i < n; i++) {
        y[i] = (float)(int32_t)(((const uint32_t *)job->x->data)[offset + i] - (uint32_t)zero) * scale;
      }
  }
}

static ek_status dequantize_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  const dequantize_job job = {x, ek_output(ctx, 0)->data, ek_qs8_vdequantize_select(ctx->cpu_features)};
  ek_channels_run(ctx->pool, x, x->quant->axis, dequantize_run_channel, &job);
  return EK_OK;
}

const ek_op ek_op_dequantize = {"Dequantize", dequantize_shape, dequantize_prepare, NULL, dequantize_run};
