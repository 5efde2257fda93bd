#include "ops/quantized.h"

#include <math.h>

#include "base/requantize.h"

bool ek_is_quantized(const ek_tensor *t) {
  return t->quant != NULL && (t->dtype == EK_I8 || t->dtype == EK_U8 || t->dtype == EK_I16);
}

ek_status ek_read_affine(ek_op_context *ctx, const ek_tensor *t, ek_affine *out) {
  const char *name = t->name != NULL ? t->name : "";
  if (!ek_is_quantized(t) || t->quant->count != 1) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "'%s' needs one scale and zero point for the whole tensor", name);
  }
  out->scale = t->quant->scale[0];
  out->zero_point = t->quant->zero_point[0];
  out->lowest = t->dtype == EK_I8 ? -128 : t->dtype == EK_U8 ? 0 : -32768;
  out->highest = t->dtype == EK_I8 ? 127 : t->dtype == EK_U8 ? 255 : 32767;
  if (!(out->scale > 0) || isinf(out->scale) || out->zero_point < out->lowest || out->zero_point > out->highest) {
    return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "'%s' has scale %g and zero point %d", name, (double)out->scale,
                      (int)out->zero_point);
  }
  return EK_OK;
}

int32_t ek_quantize_float(float x, const ek_affine *q) {
  const float low = (float)(q->lowest - q->zero_point), high = (float)(q->highest - q->zero_point);
  float scaled = x / q->scale;
  if (isnan(scaled)) {
    scaled = 0;
  }
  scaled = scaled > low ? scaled : low;
  scaled = scaled < high ? scaled : high;
  return ek_round_nearest_even(scaled) + q->zero_point;
}

void ek_quantize_clamp(float clamp_min, float clamp_max, const ek_affine *q, int32_t *min, int32_t *max) {
  *min = isfinite(clamp_min) ? ek_quantize_float(clamp_min, q) : q->lowest;
  *max = isfinite(clamp_max) ? ek_quantize_float(clamp_max, q) : q->highest;
  if (*max < *min) {
    *max = *min;
  }
}

ek_status ek_requantize_multiplier(ek_op_context *ctx, float scale_in, float scale_weight, float scale_out,
                                   float *out) {
  const float m = (float)((double)scale_in * (double)scale_weight / (double)scale_out);
  if (!(m > 0) || isinf(m)) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "scales %g * %g / %g give no usable multiplier", (double)scale_in,
                      (double)scale_weight, (double)scale_out);
  }
  *out = m;
  return EK_OK;
}
