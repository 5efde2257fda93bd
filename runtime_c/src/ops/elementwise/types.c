#include "ops/elementwise/types.h"

#include "base/requantize.h"

ek_integer_bounds ek_integer_clamp(float low, float high, ek_dtype dtype) {
  static const struct {
    double low, high; /* of the type, rounded to double */
    int64_t min, max;
  } ranges[EK_DTYPE_LIMIT] = {
      [EK_I8] = {INT8_MIN, INT8_MAX, INT8_MIN, INT8_MAX},      [EK_U8] = {0, UINT8_MAX, 0, UINT8_MAX},
      [EK_I16] = {INT16_MIN, INT16_MAX, INT16_MIN, INT16_MAX}, [EK_U16] = {0, UINT16_MAX, 0, UINT16_MAX},
      [EK_I32] = {INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX}, [EK_U32] = {0, UINT32_MAX, 0, UINT32_MAX},
      [EK_I64] = {-0x1p63, 0x1p63, INT64_MIN, INT64_MAX},      [EK_U64] = {0, 0x1p64, 0, -1},
  };
  const double l = low, h = high, type_low = ranges[dtype].low, type_high = ranges[dtype].high;
  ek_integer_bounds bounds = {ranges[dtype].min, ranges[dtype].max};
  if (l >= type_high) {
    bounds.low = ranges[dtype].max;
  } else if (l > type_low) {
    bounds.low = dtype == EK_U64 ? (int64_t)(uint64_t)ceil(l) : (int64_t)ceil(l);
  }
  if (h <= type_low) {
    bounds.high = ranges[dtype].min;
  } else if (h < type_high) {
    bounds.high = dtype == EK_U64 ? (int64_t)(uint64_t)floor(h) : (int64_t)floor(h);
  }
  /* the upper bound wins where they cross */
  if (dtype == EK_U64 ? (uint64_t)bounds.high < (uint64_t)bounds.low : bounds.high < bounds.low)
    bounds.low = bounds.high;
  return bounds;
}

bool ek_quantized_range(ek_dtype dtype, int32_t *low, int32_t *high) {
  switch (dtype) {
    case EK_I8: *low = INT8_MIN, *high = INT8_MAX; return true;
    case EK_U8: *low = 0, *high = UINT8_MAX; return true;
    case EK_I16: *low = INT16_MIN, *high = INT16_MAX; return true;
    case EK_U16: *low = 0, *high = UINT16_MAX; return true;
    default: return false;
  }
}

ek_status ek_check_quant(ek_op_context *ctx, const ek_tensor *t, bool per_axis) {
  const ek_quant *q = t->quant;
  const char *name = t->name != NULL ? t->name : "";
  if (q == NULL || q->count == 0) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "'%s' needs a scale and a zero point", name);
  }
  if (q->axis < 0 ? q->count != 1
                  : !per_axis || (uint32_t)q->axis >= t->rank || (int64_t)q->count != t->dims[q->axis]) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "'%s' has %u scales, which this operator does not take", name, q->count);
  }
  int32_t low = INT32_MIN, high = INT32_MAX;
  if (t->dtype != EK_I32 && !ek_quantized_range(t->dtype, &low, &high)) {
    return ek_op_unsupported_type(ctx, t);
  }
  for (uint32_t i = 0; i < q->count; i++) {
    if (!(q->scale[i] > 0.0f) || !isfinite(q->scale[i]) || q->zero_point[i] < low || q->zero_point[i] > high) {
      return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "'%s' has the scale %g and the zero point %d", name, (double)q->scale[i],
                        q->zero_point[i]);
    }
  }
  return EK_OK;
}

void ek_quantized_clamp(const ek_tensor *y, float low, float high, int32_t *min, int32_t *max) {
  const float scale = y->quant->scale[0];
  const int32_t zero = y->quant->zero_point[0];
  if (!ek_quantized_range(y->dtype, min, max)) {
    *min = *max = 0;
    return;
  }
  const float first = (float)(*min - zero), last = (float)(*max - zero);
  const float bounds[2] = {low, high};
  int32_t *const to[2] = {min, max};
  for (int i = 0; i < 2; i++) {
    if (isfinite(bounds[i])) {
      const float q = bounds[i] / scale, held = q < first ? first : q > last ? last : q;
      *to[i] = ek_round_nearest_even(held) + zero;
    }
  }
  if (*max < *min) *max = *min;
}
