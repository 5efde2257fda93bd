/* Functions of 16-bit fixed-point numbers, to the bit as gemmlowp computes them; edgekit/ops/fixed_functions.py says what they are. A
 * number with k integer bits stands for raw / 2^(15 - k). */
#ifndef EK_OPS_RECURRENT_FIXED_FUNCTIONS_H
#define EK_OPS_RECURRENT_FIXED_FUNCTIONS_H

#include <stdint.h>

static inline int32_t ek_saturate16(int32_t x) { return x < -32768 ? -32768 : x > 32767 ? 32767 : x; }
static inline int32_t ek_wrap16(int32_t x) { return (int16_t)(uint16_t)(uint32_t)x; }

/* a * b / 2^15 of two 16-bit numbers to the nearest, ties upwards. */
static inline int32_t ek_product16(int32_t a, int32_t b) {
  const int32_t p = (a * b + (1 << 14)) >> 15;
  return p > 32767 ? 32767 : p;
}

/* x / 2^bits to the nearest, ties away from zero; bits from 0 to 31. */
static inline int32_t ek_rounding_shift(int32_t x, uint32_t bits) {
  return bits == 0 ? x : (int32_t)((x + (INT64_C(1) << (bits - 1)) - (x < 0)) >> bits);
}

/* exp(x) for x <= 0, without integer bits. */
static inline int32_t ek_exp_of_negative16(int32_t x, int32_t integer_bits) {
  static const int32_t factors[] = {25520, 19875, 12055, 4435, 600, 11, 0};
  const int32_t fraction = 15 - integer_bits, quarter = 1 << (fraction - 2);
  const int32_t near = (x & (quarter - 1)) - quarter;
  const int32_t t = ek_saturate16(near * (1 << integer_bits)) + (1 << 12);
  const int32_t t2 = ek_product16(t, t), t3 = ek_product16(t2, t), t4 = ek_product16(t2, t2);
  const int32_t tail = ek_rounding_shift(ek_wrap16(ek_product16(ek_rounding_shift(t4, 2) + t3, 10923) + t2), 1);
  int32_t y = ek_saturate16(28918 + ek_product16(ek_wrap16(t + tail), 28918));
  const int32_t rest = ek_wrap16(near - x);
  for (int32_t i = 0; i < 7 && i - 2 < integer_bits; i++) {
    if ((rest & (1 << (fraction + i - 2))) != 0) {
      y = ek_product16(y, factors[i]);
    }
  }
  if (integer_bits > 5 && x < -(1 << (fraction + 5))) {
    y = 0;
  }
  return x == 0 ? 32767 : y;
}

/* 2 / (1 + a) with 2 integer bits, for a in [0, 1]. */
static inline int32_t ek_reciprocal16(int32_t a) {
  const int32_t half = (a + 32768) >> 1;
  int32_t x = ek_wrap16(23130 + ek_product16(half, -15420));
  for (int32_t i = 0; i < 3; i++) {
    const int32_t error = ek_wrap16((1 << 13) - ek_product16(half, x));
    x = ek_wrap16(x + ek_saturate16(ek_product16(x, error) * 4));
  }
  return x;
}

/* The logistic function of a number with 3 integer bits; none in the result. */
static inline int32_t ek_sigmoid16(int32_t x) {
  const int32_t positive = ek_saturate16(ek_reciprocal16(ek_exp_of_negative16(x > 0 ? -x : x, 3)) * 2);
  return x == 0 ? 1 << 14 : x > 0 ? positive : 32767 - positive;
}

/* The hyperbolic tangent of a number with up to 6 integer bits; none in the result. */
static inline int32_t ek_tanh16(int32_t x, int32_t integer_bits) {
  const int32_t y =
      ek_saturate16((ek_reciprocal16(ek_exp_of_negative16(x < 0 ? x : -x, integer_bits + 1)) - (1 << 13)) * 4);
  return x == 0 ? 0 : x < 0 ? -y : y;
}

static inline int32_t ek_product32(int32_t a, int32_t b) {
  const int64_t p = ((int64_t)a * b + (INT64_C(1) << 30)) >> 31;
  return p > INT32_MAX ? INT32_MAX : (int32_t)p;
}

static inline int32_t ek_saturate32(int64_t x) {
  return x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : (int32_t)x;
}

/* 1 / sqrt(v) as multiplier * 2^(shift - 31). */
static inline void ek_inverse_root(int32_t v, int32_t *multiplier, int32_t *shift) {
  if (v <= 1) {
    *multiplier = INT32_MAX;
    *shift = 0;
    return;
  }
  int32_t right = 11, bits = 0;
  for (; v >= 1 << 29; right++) {
    v /= 4;
  }
  for (int32_t rest = v; rest != 0; rest >>= 1) {
    bits++;
  }
  const int32_t pairs = (31 - bits) / 2 - 1;
  right -= pairs;
  v = (int32_t)((uint32_t)v << (2 * pairs) >> 1);
  const int32_t half = (v + 1) >> 1;
  int32_t x = 1 << 28;
  for (int32_t i = 0; i < 5; i++) {
    const int32_t cube = ek_saturate32((int64_t)ek_product32(ek_product32(x, x), x) * 64);
    x = ek_saturate32(((int64_t)ek_product32((1 << 28) + (1 << 27), x) - ek_product32(half, cube)) * 8);
  }
  x = ek_product32(x, 1518500250);
  *multiplier = right < 0 ? (int32_t)((uint32_t)x << -right) : x;
  *shift = right < 0 ? 0 : -right;
}

#endif
