/* The one requantize: int32 accumulator to int8. Every int8 kernel of every ISA gives these bits (docs/numerics.md).
 *
 *   y = clamp(rne((float)acc * multiplier) + zero_point, min, max)
 *
 * (float)acc rounds to nearest even; the product is rounded once to float; rne rounds to an integer, ties to even. The
 * clamp is applied to the float, before the conversion, so that no product is too large to convert: min and max are
 * integers, hence clamping before or after rne is the same. An ISA may clamp after a saturating conversion instead:
 * same result. `multiplier` is finite and positive: operators check that once, when they prepare. */
#ifndef EK_BASE_REQUANTIZE_H
#define EK_BASE_REQUANTIZE_H

#include <stdint.h>

/* Round to nearest even of |x| < 2^22, without libm and without depending on the rounding functions of the target:
 * adding 1.5 * 2^23 leaves the integer in the low bits of the sum. */
static inline int32_t ek_round_nearest_even(float x) {
  union {
    float f;
    int32_t i;
  } sum = {x + 12582912.0f};
  return sum.i - INT32_C(0x4B400000);
}

static inline int8_t ek_requantize(int32_t acc, float multiplier, int32_t zero_point, int32_t min, int32_t max) {
  float x = (float)acc * multiplier;
  const float low = (float)(min - zero_point), high = (float)(max - zero_point);
  x = x > low ? x : low;
  x = x < high ? x : high;
  return (int8_t)(ek_round_nearest_even(x) + zero_point);
}

#endif
