/* IEEE 754 binary16 to and from float, in integer arithmetic: the same bits on every target, no hardware support
 * needed. */
#ifndef EK_BASE_FLOAT16_H
#define EK_BASE_FLOAT16_H

#include <stdint.h>

static inline float ek_f16_to_f32(uint16_t h) {
  union {
    uint32_t u;
    float f;
  } out;
  const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, fraction = h & 1023u;
  if (exponent == 31) { /* infinity, NaN */
    out.u = sign | 0x7F800000u | fraction << 13;
  } else if (exponent != 0) {
    out.u = sign | (exponent + 112) << 23 | fraction << 13;
  } else { /* zero, subnormal: fraction * 2^-24 is exact */
    out.f = (float)fraction * 5.9604644775390625e-8f;
    out.u |= sign;
  }
  return out.f;
}

/* Round to nearest, ties to even; what is too large becomes infinity. */
static inline uint16_t ek_f32_to_f16(float x) {
  union {
    float f;
    uint32_t u;
  } in = {x}, half;
  const uint16_t sign = (uint16_t)(in.u >> 16 & 0x8000u);
  const uint32_t a = in.u & 0x7FFFFFFFu;
  if (a > 0x7F800000u) return (uint16_t)(sign | 0x7E00u | (a >> 13 & 0x1FFu));
  if (a >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u); /* 65520 and above */
  if (a < 0x38800000u) { /* below 2^-14: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits */
    in.u = a;
    half.f = in.f + 0.5f;
    return (uint16_t)(sign | (half.u - 0x3F000000u));
  }
  return (uint16_t)(sign | (a + 0xFFFu + (a >> 13 & 1u) - 0x38000000u) >> 13);
}

/* The same from double, rounded once. */
static inline uint16_t ek_f64_to_f16(double x) {
  union {
    double f;
    uint64_t u;
  } in = {x}, half;
  const uint16_t sign = (uint16_t)(in.u >> 48 & 0x8000u);
  const uint64_t a = in.u & UINT64_C(0x7FFFFFFFFFFFFFFF);
  if (a > UINT64_C(0x7FF0000000000000)) return (uint16_t)(sign | 0x7E00u);
  if (a >= UINT64_C(0x40EFFE0000000000)) return (uint16_t)(sign | 0x7C00u); /* 65520 and above */
  if (a < UINT64_C(
              0x3F10000000000000)) { /* below 2^-14: adding 2^28 leaves the rounded multiple of 2^-24 in the low bits */
    in.u = a;
    half.f = in.f + 268435456.0;
    return (uint16_t)(sign | (uint16_t)(half.u - UINT64_C(0x41B0000000000000)));
  }
  const uint64_t rebased = a - (UINT64_C(1008) << 52);
  return (uint16_t)(sign | (uint16_t)((rebased + UINT64_C(0x1FFFFFFFFFF) + (rebased >> 42 & 1u)) >> 42));
}

#endif
