/* IEEE 754 half precision in plain integers: the same bits on every target, with or without conversion instructions. */
#ifndef EK_BASE_HALF_H
#define EK_BASE_HALF_H

#include <stdint.h>

static inline float ek_half_to_float(uint16_t h) {
  union {
    uint32_t u;
    float f;
  } v;
  const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, mantissa = h & 0x3FFu;
  if (exponent == 0) {
    v.f = (float)mantissa * 5.9604644775390625e-8f; /* 2^-24, exact */
    v.u |= sign;
  } else if (exponent == 31) {
    v.u = sign | 0x7F800000u | mantissa << 13;
  } else {
    v.u = sign | (exponent + 112u) << 23 | mantissa << 13;
  }
  return v.f;
}

/* Rounds to nearest, ties to even; too large becomes infinity. */
static inline uint16_t ek_float_to_half(float f) {
  union {
    float f;
    uint32_t u;
  } v = {f};
  const uint32_t sign = (v.u >> 16) & 0x8000u;
  v.u &= 0x7FFFFFFFu;
  if (v.u > 0x7F800000u) return (uint16_t)(sign | 0x7E00u | (v.u >> 13 & 0x3FFu));
  if (v.u >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u);
  if (v.u < 0x38800000u) { /* subnormal: the sum's low bits are the mantissa, already rounded */
    v.f = v.f * 16777216.0f + 12582912.0f;
    return (uint16_t)(sign | (v.u - 0x4B400000u));
  }
  v.u += 0xFFFu + (v.u >> 13 & 1u);
  return (uint16_t)(sign | (v.u - 0x38000000u) >> 13);
}

#endif
