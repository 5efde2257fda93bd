/* The body of every f32_vunary row. The file that includes it has chosen EK_VECTOR_ISA and defines EK_F32_VUNARY_NAME.
 *
 * The polynomials are minimax fits made for this file (weighted least squares, iterated to equal ripple). */
#include "ukernels/f32_vunary/f32_vunary.h"
#include "ukernels/vector.h"

static inline ek_vf vf(float x) { return ek_v_set(x); }
static inline ek_vf v_abs(ek_vf x) { return ek_v_float(ek_v_bits(x) & 0x7fffffffu); }
static inline ek_vf v_neg(ek_vf x) { return ek_v_float(ek_v_bits(x) ^ 0x80000000u); }
/* The magnitude of a with the sign of b; a must not be negative. */
static inline ek_vf v_sign_of(ek_vf a, ek_vf b) { return ek_v_float(ek_v_bits(a) | (ek_v_bits(b) & 0x80000000u)); }

/* x = n ln 2 + r with |r| <= ln 2 / 2; returns e^r - 1. The upper part of ln 2 has 9 bits, so n times it is exact. */
static inline ek_vf v_exp_reduce(ek_vf x, ek_vu *n) {
  const ek_vf magic = vf(12582912.0f), shifted = x * vf(1.44269504f) + magic, whole = shifted - magic;
  *n = ek_v_bits(shifted) - 0x4B400000u;
  const ek_vf r = (x - whole * vf(0.693359375f)) - whole * vf(-2.12194440e-4f);
  ek_vf q = vf(0.0013950486f);
  q = q * r + vf(0.0083688879f);
  q = q * r + vf(0.041666206f);
  q = q * r + vf(0.16666518f);
  q = q * r + vf(0.5f);
  return r + (r * r) * q;
}

/* 2^n for -126 <= n <= 127 */
static inline ek_vf v_exp2_int(ek_vu n) { return ek_v_float((n + 127u) << 23); }

static inline ek_vf v_exp(ek_vf x) {
  ek_vu n;
  x = ek_v_min(vf(89.0f), ek_v_max(vf(-104.0f), x)); /* e^89 overflows, e^-104 rounds to 0 */
  const ek_vf e = v_exp_reduce(x, &n) + vf(1.0f);
  const ek_vu half = ((n + 512u) >> 1) - 256u; /* in two steps, so that neither factor leaves the normal range */
  return (e * v_exp2_int(half)) * v_exp2_int(n - half);
}

/* e^x - 1 for x <= 0 */
static inline ek_vf v_expm1_negative(ek_vf x) {
  ek_vu n;
  const ek_vf e = v_exp_reduce(ek_v_max(vf(-80.0f), x), &n), scale = v_exp2_int(n);
  return scale * e + (scale - vf(1.0f));
}

/* log x, where x is positive and normal */
static inline ek_vf v_log_normal(ek_vf x, ek_vf exponent_offset) {
  const ek_vu shifted = ek_v_bits(x) + (0x3f800000u - 0x3f3504f3u);
  const ek_vf e = ek_v_convert((shifted >> 23) - 127u) + exponent_offset;
  const ek_vf f = ek_v_float((shifted & 0x007fffffu) + 0x3f3504f3u) - vf(1.0f); /* sqrt(1/2) - 1 <= f < sqrt(2) - 1 */
  ek_vf q = vf(-0.0763442963f);
  q = q * f + vf(0.127615497f);
  q = q * f + vf(-0.131601945f);
  q = q * f + vf(0.142017618f);
  q = q * f + vf(-0.166233569f);
  q = q * f + vf(0.200012267f);
  q = q * f + vf(-0.250008225f);
  q = q * f + vf(0.333333313f);
  const ek_vf square = f * f;
  const ek_vf small = (e * vf(-2.12194440e-4f) - square * vf(0.5f)) + (square * f) * q;
  return (small + f) + e * vf(0.693359375f);
}

static inline ek_vf v_log(ek_vf x) {
  const ek_vf tiny = vf(0x1p-126f), nan = ek_v_float(ek_v_bits(vf(0.0f)) + 0x7fc00000u);
  const ek_vf scaled = ek_v_lt(x, tiny, x * vf(0x1p23f), x);
  ek_vf y = v_log_normal(scaled, ek_v_lt(x, tiny, vf(-23.0f), vf(0.0f)));
  y = ek_v_lt(vf(0x1.fffffep127f), x, x, y); /* infinity */
  y = ek_v_eq(x, vf(0.0f), vf(-__builtin_inff()), y);
  y = ek_v_lt(x, vf(0.0f), nan, y);
  return ek_v_eq(x, x, y, x);
}

/* log(1 + u) for 0 <= u <= 1: what 1 + u rounds away is put back to first order */
static inline ek_vf v_log1p_unit(ek_vf u) {
  const ek_vf w = vf(1.0f) + u;
  return v_log_normal(w, vf(0.0f)) + (u - (w - vf(1.0f))) / w;
}

static inline ek_vf v_sigmoid(ek_vf x) {
  const ek_vf z = v_exp(v_neg(v_abs(x)));
  return ek_v_lt(x, vf(0.0f), z, vf(1.0f)) / (vf(1.0f) + z);
}

static inline ek_vf v_tanh(ek_vf x) {
  const ek_vf a = v_abs(x), u = x * x;
  ek_vf p = vf(-0.00571703678f);
  p = p * u + vf(0.0206505787f);
  p = p * u + vf(-0.0537434965f);
  p = p * u + vf(0.133314908f);
  p = p * u + vf(-0.333332837f);
  const ek_vf small = x + (x * u) * p;
  const ek_vf large = vf(1.0f) - vf(2.0f) / (v_exp(a + a) + vf(1.0f));
  return ek_v_lt(a, vf(0.625f), small, v_sign_of(large, x));
}

/* Below 0.92: x times a polynomial of x^2. Above: 1 - exp(-g), g a polynomial near -log(erfc); 1 from 4 on. */
static inline ek_vf v_erf(ek_vf x) {
  const ek_vf a = v_abs(x), u = x * x, t = ek_v_min(vf(4.0f), a);
  ek_vf p = vf(-0.000601462729f);
  p = p * u + vf(0.00499823596f);
  p = p * u + vf(-0.0267703868f);
  p = p * u + vf(0.112819314f);
  p = p * u + vf(-0.376125067f);
  p = p * u + vf(0.128379167f);
  const ek_vf small = x + x * p;
  ek_vf g = vf(-0.000197182628f);
  g = g * t + vf(0.00305561582f);
  g = g * t + vf(-0.0222771168f);
  g = g * t + vf(0.104037419f);
  g = g * t + vf(0.637059689f);
  g = g * t + vf(1.12774956f);
  g = g * t + vf(0.000177487236f);
  const ek_vf large = v_sign_of(vf(1.0f) - v_exp(v_neg(g)), x);
  return ek_v_lt(a, vf(0.92f), small, large);
}

static inline ek_vf v_round(ek_vf x) {
  const ek_vf a = v_abs(x), whole = (a + vf(8388608.0f)) - vf(8388608.0f);
  return ek_v_lt(a, vf(8388608.0f), v_sign_of(whole, x), x); /* from 2^23 on, and NaN: as it is */
}

static inline ek_vf v_floor(ek_vf x) {
  const ek_vf r = v_round(x);
  return ek_v_lt(x, r, r - vf(1.0f), r);
}

static inline ek_vf v_hold(ek_vf x, ek_vf low, ek_vf high) { return ek_v_min(high, ek_v_max(low, x)); }

static inline ek_vf v_softplus(ek_vf x) { return ek_v_max(vf(0.0f), x) + v_log1p_unit(v_exp(v_neg(v_abs(x)))); }

static inline ek_vf v_gelu_tanh(ek_vf x) { /* (1 + tanh(u)) / 2 = sigmoid(2 u) */
  const ek_vf u = vf(1.59576912f) * (x + vf(0.044715f) * ((x * x) * x));
  return x * v_sigmoid(u);
}

static inline ek_vf v_mish(ek_vf x) { /* tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2) */
  const ek_vf e = v_exp(ek_v_min(vf(20.0f), x)), s = e * (e + vf(2.0f));
  return x * (s / (s + vf(2.0f)));
}

#define EK_LOOP(expression)                              \
  do {                                                   \
    for (; n >= EK_V; n -= EK_V, x += EK_V, y += EK_V) { \
      const ek_vf v = ek_v_load(x);                      \
      ek_v_store(y, expression);                         \
    }                                                    \
    if (n > 0) {                                         \
      const ek_vf v = ek_v_load_part(x, n);              \
      ek_v_store_part(y, expression, n);                 \
    }                                                    \
  } while (0);                                           \
  break

void EK_F32_VUNARY_NAME(size_t n, const float *x, float *y, const ek_f32_vunary_args *args) {
  const ek_vf zero = vf(0.0f), one = vf(1.0f), p0 = vf(args->p[0]), p1 = vf(args->p[1]), p2 = vf(args->p[2]);
  switch (args->function) {
    case EK_F32_VUNARY_ABS: EK_LOOP(v_abs(v));
    case EK_F32_VUNARY_NEG: EK_LOOP(v_neg(v));
    case EK_F32_VUNARY_SQRT: EK_LOOP(ek_v_sqrt(v));
    case EK_F32_VUNARY_RSQRT: EK_LOOP(one / ek_v_sqrt(v));
    case EK_F32_VUNARY_RECIPROCAL: EK_LOOP(one / v);
    case EK_F32_VUNARY_FLOOR: EK_LOOP(v_floor(v));
    case EK_F32_VUNARY_CEIL: EK_LOOP(v_neg(v_floor(v_neg(v))));
    case EK_F32_VUNARY_ROUND: EK_LOOP(v_round(v));
    case EK_F32_VUNARY_SIGN: EK_LOOP(ek_v_lt(zero, v, one, ek_v_lt(v, zero, v_neg(one), ek_v_eq(v, zero, zero, v))));
    case EK_F32_VUNARY_CLAMP: EK_LOOP(v_hold(v, p0, p1));
    case EK_F32_VUNARY_LEAKY_RELU: EK_LOOP(ek_v_lt(v, zero, v * p0, v));
    case EK_F32_VUNARY_ELU: EK_LOOP(ek_v_lt(v, zero, p0 * v_expm1_negative(v * p1), v * p2));
    case EK_F32_VUNARY_THRESHOLDED_RELU: EK_LOOP(ek_v_lt(p0, v, v, zero));
    case EK_F32_VUNARY_EXP: EK_LOOP(v_exp(v));
    case EK_F32_VUNARY_LOG: EK_LOOP(v_log(v));
    case EK_F32_VUNARY_TANH: EK_LOOP(v_tanh(v));
    case EK_F32_VUNARY_SIGMOID: EK_LOOP(v_sigmoid(v));
    case EK_F32_VUNARY_ERF: EK_LOOP(v_erf(v));
    case EK_F32_VUNARY_SOFTPLUS: EK_LOOP(v_softplus(v));
    case EK_F32_VUNARY_SOFTSIGN: EK_LOOP(v / (one + v_abs(v)));
    case EK_F32_VUNARY_HARD_SIGMOID: EK_LOOP(v_hold(v * p0 + p1, zero, one));
    case EK_F32_VUNARY_HARD_SWISH: EK_LOOP(v * (v_hold(v + vf(3.0f), zero, vf(6.0f)) * vf(0.166666672f)));
    case EK_F32_VUNARY_SILU: EK_LOOP(v * v_sigmoid(v));
    case EK_F32_VUNARY_GELU: EK_LOOP((v * vf(0.5f)) * (one + v_erf(v * vf(0.707106769f))));
    case EK_F32_VUNARY_GELU_TANH: EK_LOOP(v_gelu_tanh(v));
    case EK_F32_VUNARY_MISH: EK_LOOP(v_mish(v));
    case EK_F32_VUNARY_COUNT: break;
  }
}

#undef EK_LOOP
