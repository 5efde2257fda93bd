// Functions of one float32 element. p and q are the operator's attributes.

float ek_sigmoid(float x) {
  const float e = exp(-fabs(x));
  return x >= 0.0f ? 1.0f / (1.0f + e) : isnan(x) ? x : e / (1.0f + e);
}

float ek_softplus(float x) { return fmax(x, 0.0f) + log1p(exp(-fabs(x))) + (isnan(x) ? x : 0.0f); }

// x / 2 * (1 + tanh(u)) = x * sigmoid(2 u), which keeps its precision where tanh(u) is near -1.
float ek_gelu_tanh(float x) { return x * ek_sigmoid(1.5957691216057308f * (x + 0.044715f * x * x * x)); }

#define EK_UNARY(name, expression)                                                                            \
  __kernel void name##_f32(EK_IN(x), EK_OUT(y), const int count, const float p, const float q) {              \
    const int i = (int)get_global_id(0);                                                                      \
    if (i >= count) return;                                                                                   \
    const float x = EK_READ(float, x)[i];                                                                     \
    EK_WRITE(float, y)[i] = expression;                                                                       \
  }

EK_UNARY(abs, fabs(x))
EK_UNARY(neg, -x)
EK_UNARY(exp, exp(x))
EK_UNARY(log, log(x))
EK_UNARY(sqrt, sqrt(x))
EK_UNARY(rsqrt, 1.0f / sqrt(x))
EK_UNARY(reciprocal, 1.0f / x)
EK_UNARY(floor, floor(x))
EK_UNARY(ceil, ceil(x))
EK_UNARY(round, rint(x))
EK_UNARY(sign, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : isnan(x) ? x : 0.0f)
EK_UNARY(sin, sin(x))
EK_UNARY(cos, cos(x))
EK_UNARY(tanh, tanh(x))
EK_UNARY(erf, erf(x))
EK_UNARY(sigmoid, ek_sigmoid(x))
EK_UNARY(leaky_relu, x < 0.0f ? p * x : x)
EK_UNARY(elu, x < 0.0f ? p *expm1(x) : x)
EK_UNARY(selu, q *(x < 0.0f ? p * expm1(x) : x))
EK_UNARY(celu, x < 0.0f ? p *expm1(x / p) : x)
EK_UNARY(softplus, ek_softplus(x))
EK_UNARY(softsign, x / (1.0f + fabs(x)))
EK_UNARY(hard_sigmoid, ek_clamp(p *x + q, 0.0f, 1.0f))
EK_UNARY(hard_swish, x *(ek_clamp(x + 3.0f, 0.0f, 6.0f) / 6.0f))
EK_UNARY(silu, x *ek_sigmoid(x))
EK_UNARY(gelu, 0.5f * x * erfc(-0.70710678118654752f * x))
EK_UNARY(gelu_tanh, ek_gelu_tanh(x))
EK_UNARY(mish, x *tanh(ek_softplus(x)))
EK_UNARY(thresholded_relu, x > p ? x : 0.0f)
EK_UNARY(clip, ek_clamp(x, p, q))
