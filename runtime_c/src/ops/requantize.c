/* Requantize: integers to 8 or 16 bit integers of another scale, clamp(rne((float)(x - zx) * m) + zy). */
#include "base/requantize.h"
#include "base/fixed_point.h"
#include "ek_ops_gen.h"
#include "ops/elementwise/channels.h"
#include "ops/linear/fixed.h"

static ek_status requantize_shape(ek_op_context *ctx) { return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0)); }

static float multiplier(const ek_tensor *x, const ek_tensor *y, size_t channel) {
  return (float)((double)ek_channel_scale(x->quant, channel) / (double)ek_channel_scale(y->quant, channel));
}

static ek_status requantize_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_tensor *x = ek_input(ctx, 0), *y = ek_output(ctx, 0);
  int32_t axis;
  (void)memory;
  EK_TRY(ek_check_quant(ctx, x, true));
  EK_TRY(ek_check_quant(ctx, y, true));
  EK_TRY(ek_channels_axis(ctx, x->quant, y->quant, &axis));
  const uint32_t channels = x->quant->count > y->quant->count ? x->quant->count : y->quant->count;
  for (uint32_t c = 0; c < channels; c++) {
    if (!ek_multiplier_is_sane(multiplier(x, y, c))) {
      return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "the scales differ too much");
    }
  }
  return EK_OK;
}

typedef struct requantize_job {
  const ek_tensor *x, *y;
  uint8_t requantize;
  const ek_s32_vfixed_row *row;
} requantize_job;

/* int32 to int8 in fixed point, a run of one factor at a time: what sums in float32 end in. */
#define EK_RUN 256
static size_t run_fixed(const requantize_job *job, size_t n, size_t offset, int32_t fixed, int32_t shift,
                        const ek_s32_vfixed_params *params) {
  int32_t factors[EK_RUN], shifts[EK_RUN];
  const size_t whole = n / EK_S32_VFIXED_PADDING * EK_S32_VFIXED_PADDING;
  for (size_t i = 0; i < EK_RUN; i++) {
    factors[i] = fixed;
    shifts[i] = shift;
  }
  for (size_t i = 0; i < whole; i += EK_RUN) {
    job->row->fn(whole - i < EK_RUN ? whole - i : EK_RUN, (const int32_t *)job->x->data + offset + i, factors, shifts,
                 (int8_t *)job->y->data + offset + i, params);
  }
  return whole;
}
#undef EK_RUN

#define EK_CONVERT(FROM, TO)                                            \
  do {                                                                  \
    const FROM *from = (const FROM *)job->x->data + offset;             \
    TO *to = (TO *)job->y->data + offset;                               \
    for (size_t i = 0; i < n; i++) {                                    \
      float q = (float)(int32_t)((uint32_t)from[i] - (uint32_t)zx) * m; \
      q = q < low ? low : q > high ? high : q;                          \
      to[i] = (TO)(ek_round_nearest_even(q) + zy);                      \
    }                                                                   \
  } while (0)
#define EK_CONVERT_FIXED(FROM, TO)                                                        \
  do {                                                                                    \
    const FROM *from = (const FROM *)job->x->data + offset;                               \
    TO *to = (TO *)job->y->data + offset;                                                 \
    for (size_t i = 0; i < n; i++) {                                                      \
      const int32_t q = (int32_t)((uint32_t)from[i] - (uint32_t)zx);                      \
      to[i] = (TO)ek_fixed_clamp(ek_fixed_multiply(q, fixed, shift, away), zy, min, max); \
    }                                                                                     \
  } while (0)
#define EK_FINISH(FROM, TO)       \
  do {                            \
    if (job->requantize == 0) {   \
      EK_CONVERT(FROM, TO);       \
    } else {                      \
      EK_CONVERT_FIXED(FROM, TO); \
    }                             \
  } while (0)
#define EK_CONVERT_FROM(FROM)                               \
  do {                                                      \
    if (job->y->dtype == EK_I8 || job->y->dtype == EK_U8) { \
      EK_FINISH(FROM, uint8_t);                             \
    } else {                                                \
      EK_FINISH(FROM, uint16_t);                            \
    }                                                       \
  } while (0)

static void requantize_run_channel(const void *argument, size_t n, size_t offset, size_t channel) {
  const requantize_job *job = argument;
  const float m = multiplier(job->x, job->y, channel);
  const int32_t zx = ek_channel_zero(job->x->quant, channel), zy = ek_channel_zero(job->y->quant, channel);
  int32_t min, max;
  if (!ek_quantized_range(job->y->dtype, &min, &max)) {
    return;
  }
  const float low = (float)(min - zy), high = (float)(max - zy);
  const int32_t away = job->requantize == EK_REQUANTIZE_REQUANTIZE_FIXED_AWAY;
  int32_t fixed, shift;
  ek_fixed_factor((double)ek_channel_scale(job->x->quant, channel) / (double)ek_channel_scale(job->y->quant, channel),
                  &fixed, &shift);
  if (job->requantize != 0 && job->x->dtype == EK_I32 && job->y->dtype == EK_I8 && zx == 0) {
    const ek_s32_vfixed_params params = {away, zy, min, max};
    const size_t done = run_fixed(job, n, offset, fixed, shift, &params);
    n -= done;
    offset += done;
  }
  switch (job->x->dtype) {
    case EK_I8: EK_CONVERT_FROM(int8_t); break;
    case EK_U8: EK_CONVERT_FROM(uint8_t); break;
    case EK_I16: EK_CONVERT_FROM(int16_t); break;
    case EK_U16: EK_CONVERT_FROM(uint16_t); break;
    default: EK_CONVERT_FROM(int32_t); break;
  }
}
#undef EK_CONVERT
#undef EK_CONVERT_FIXED
#undef EK_FINISH
#undef EK_CONVERT_FROM

static ek_status requantize_run(ek_op_context *ctx) {
  const ek_requantize_attrs *attrs = ctx->attrs;
  const requantize_job job = {ek_input(ctx, 0), ek_output(ctx, 0), attrs->requantize,
                              ek_s32_vfixed_select(ctx->cpu_features)};
  int32_t axis;
  EK_TRY(ek_channels_axis(ctx, job.x->quant, job.y->quant, &axis));
  ek_channels_run(ctx->pool, job.x, axis, requantize_run_channel, &job);
  return EK_OK;
}

const ek_op ek_op_requantize = {"Requantize", requantize_shape, requantize_prepare, NULL, requantize_run};
