#include "ops/scatter.h"

#include <string.h>

#include "base/float16.h"
#include "base/requantize.h"

ek_status ek_scatter_check(ek_op_context *ctx, uint8_t reduction) {
  const ek_tensor *x = ek_input(ctx, 0);
  if (reduction > EK_SCATTER_MIN) return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "reduction %u is unknown", reduction);
  if (x->quant != NULL && x->quant->count != 1 && (reduction == EK_SCATTER_ADD || reduction == EK_SCATTER_MUL)) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "sums and products of per-channel quantized tensors");
  }
  return EK_OK;
}

static double combine_float(double old, double value, uint8_t reduction) {
  switch (reduction) {
    case EK_SCATTER_ADD: return old + value;
    case EK_SCATTER_MUL: return old * value;
    case EK_SCATTER_MAX: return old != old || old > value ? old : value; /* NaN stays */
    default: return old != old || old < value ? old : value;
  }
}

/* Sums and products of a narrow float in double, rounded once more, are those of the narrow type: double has more than
 * twice its digits. */
static void combine_floats(void *dst, const void *src, int64_t n, ek_dtype dtype, uint8_t reduction) {
  for (int64_t i = 0; i < n; i++) {
    if (dtype == EK_F32) {
      ((float *)dst)[i] = (float)combine_float(((float *)dst)[i], ((const float *)src)[i], reduction);
    } else if (dtype == EK_F64) {
      ((double *)dst)[i] = combine_float(((double *)dst)[i], ((const double *)src)[i], reduction);
    } else {
      uint16_t *to = (uint16_t *)dst + i;
      *to =
          ek_f32_to_f16((float)combine_float(ek_f16_to_f32(*to), ek_f16_to_f32(((const uint16_t *)src)[i]), reduction));
    }
  }
}

static int64_t combine_quantized(int64_t old, int64_t value, int64_t low, int64_t high, uint8_t reduction,
                                 const ek_quant *q) {
  const int64_t zp = q->zero_point[0];
  if (reduction == EK_SCATTER_ADD) {
    const int64_t sum = old + value - zp;
    return sum < low ? low : sum > high ? high : sum;
  }
  float product = (float)(int32_t)((old - zp) * (value - zp)) * q->scale[0];
  product = product > (float)(low - zp) ? product : (float)(low - zp);
  product = product < (float)(high - zp) ? product : (float)(high - zp);
  return ek_round_nearest_even(product) + zp;
}

static int64_t combine_int(int64_t old, int64_t value, uint8_t reduction, bool is_unsigned) {
  switch (reduction) {
    case EK_SCATTER_ADD: return (int64_t)((uint64_t)old + (uint64_t)value);
    case EK_SCATTER_MUL: return (int64_t)((uint64_t)old * (uint64_t)value);
    case EK_SCATTER_MAX: return (is_unsigned ? (uint64_t)old > (uint64_t)value : old > value) ? old : value;
    default: return (is_unsigned ? (uint64_t)old < (uint64_t)value : old < value) ? old : value;
  }
}

#define EK_COMBINE(type, low, high)                                                                 \
  for (int64_t i = 0; i < n; i++) {                                                                 \
    type *to = (type *)dst + i;                                                                     \
    const type value = ((const type *)src)[i];                                                      \
    *to = (type)(quant != NULL && reduction <= EK_SCATTER_MUL                                       \
                     ? combine_quantized((int64_t)*to, (int64_t)value, low, high, reduction, quant) \
                     : combine_int((int64_t)*to, (int64_t)value, reduction, (type) - 1 > 0));       \
  }

void ek_scatter_combine(void *dst, const void *src, int64_t n, ek_dtype dtype, uint8_t reduction,
                        const ek_quant *quant) {
  if (reduction == EK_SCATTER_NONE) {
    memcpy(dst, src, (size_t)n * ek_dtype_size(dtype));
    return;
  }
  switch (dtype) {
    case EK_F32:
    case EK_F16:
    case EK_F64: combine_floats(dst, src, n, dtype, reduction); break;
    case EK_I8: EK_COMBINE(int8_t, INT8_MIN, INT8_MAX) break;
    case EK_U8: EK_COMBINE(uint8_t, 0, UINT8_MAX) break;
    case EK_I16: EK_COMBINE(int16_t, INT16_MIN, INT16_MAX) break;
    case EK_U16: EK_COMBINE(uint16_t, 0, UINT16_MAX) break;
    case EK_I32: EK_COMBINE(int32_t, INT32_MIN, INT32_MAX) break;
    case EK_U32: EK_COMBINE(uint32_t, 0, UINT32_MAX) break;
    case EK_I64: EK_COMBINE(int64_t, INT64_MIN, INT64_MAX) break;
    case EK_U64: EK_COMBINE(uint64_t, 0, INT64_MAX) break;
    case EK_BOOL: /* sum and maximum are or, product and minimum are and */
      for (int64_t i = 0; i < n; i++) {
        const bool any = reduction == EK_SCATTER_ADD || reduction == EK_SCATTER_MAX;
        const bool a = ((uint8_t *)dst)[i] != 0, b = ((const uint8_t *)src)[i] != 0;
        ((uint8_t *)dst)[i] = any ? a || b : a && b;
      }
      break;
  }
}
