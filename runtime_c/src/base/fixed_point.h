/* Requantize in fixed point with two roundings: what models ask for whose source computes so (docs/numerics.md).
 * `multiplier` is in [2^30, 2^31) or 0, `shift` in [-31, 31]: real factor = multiplier * 2^(shift - 31). */
#ifndef EK_BASE_FIXED_POINT_H
#define EK_BASE_FIXED_POINT_H

#include <stdint.h>

/* `away` is of the second rounding's ties: the first always goes to the nearest, ties upwards. Within int32 by construction. */
static inline int32_t ek_fixed_multiply(int32_t acc, int32_t multiplier, int32_t shift, int32_t away) {
  const uint32_t left = shift > 0 ? (uint32_t)shift : 0, right = shift < 0 ? (uint32_t)-shift : 0;
  const int64_t wide = (int64_t)(int32_t)((uint32_t)acc << left) * multiplier;
  const int64_t t = (wide + (INT64_C(1) << 30)) >> 31;
  if (right == 0) {
    return (int32_t)t;
  }
  const int64_t half = INT64_C(1) << (right - 1);
  return (int32_t)((t + half - (away != 0 && t < 0)) >> right);
}

static inline int32_t ek_fixed_clamp(int32_t u, int32_t zero_point, int32_t min, int32_t max) {
  const int32_t low = min - zero_point, high = max - zero_point;
  return (u < low ? low : u > high ? high : u) + zero_point;
}

#endif
