// Two tensors, element by element, with broadcasting: dimensions come merged into at most four, strides are 0 where one repeats.

#define EK_BINARY_INDEX                                                           \
  const int i = (int)get_global_id(0);                                            \
  if (i >= count) return;                                                         \
  const int i3 = i % dims.s3, r3 = i / dims.s3, i2 = r3 % dims.s2, r2 = r3 / dims.s2; \
  const int i1 = r2 % dims.s1, i0 = r2 / dims.s1;                                 \
  const int at_a = i0 * a_stride.s0 + i1 * a_stride.s1 + i2 * a_stride.s2 + i3 * a_stride.s3; \
  const int at_b = i0 * b_stride.s0 + i1 * b_stride.s1 + i2 * b_stride.s2 + i3 * b_stride.s3;

#define EK_BINARY_F32(name, expression)                                                                                  \
  __kernel void name##_f32(EK_IN(a), EK_IN(b), EK_OUT(y), const int count, const int4 dims, const int4 a_stride,         \
                           const int4 b_stride, const float low, const float high) {                                     \
    EK_BINARY_INDEX                                                                                                      \
    const float a = EK_READ(float, a)[at_a], b = EK_READ(float, b)[at_b];                                                \
    EK_WRITE(float, y)[i] = ek_clamp(expression, low, high);                                                             \
  }

EK_BINARY_F32(add, a + b)
EK_BINARY_F32(sub, a - b)
EK_BINARY_F32(mul, a *b)
EK_BINARY_F32(div, a / b)
EK_BINARY_F32(min, (a <= b || isnan(a)) ? a : b)
EK_BINARY_F32(max, (a >= b || isnan(a)) ? a : b)
EK_BINARY_F32(p_relu, a < 0.0f ? a * b : a)
EK_BINARY_F32(squared_difference, (a - b) * (a - b))

// a and b are the centred integers as floats; ma and mb the multipliers of the operator's definition.
#define EK_BINARY_I8(name, expression)                                                                                   \
  __kernel void name##_i8(EK_IN(a), EK_IN(b), EK_OUT(y), const int count, const int4 dims, const int4 a_stride,          \
                          const int4 b_stride, const float low, const float high, const int a_zero, const int b_zero,    \
                          const int y_zero, const float ma, const float mb, const float my) {                            \
    EK_BINARY_INDEX                                                                                                      \
    const float a = convert_float(EK_READ(char, a)[at_a] - a_zero), b = convert_float(EK_READ(char, b)[at_b] - b_zero);  \
    EK_WRITE(char, y)[i] = (char)ek_to_quantized(expression, low, high, y_zero);                                         \
  }

EK_BINARY_I8(add, a *ma + b * mb)
EK_BINARY_I8(sub, a *ma - b * mb)
EK_BINARY_I8(mul, (a * b) * my)
EK_BINARY_I8(div, ek_divide(a, b) * my)
EK_BINARY_I8(min, fmin(a *ma, b *mb))
EK_BINARY_I8(max, fmax(a *ma, b *mb))
EK_BINARY_I8(p_relu, a < 0.0f ? (a * b) * my : a * ma)

float ek_squared(float d) { return d * d; }
EK_BINARY_I8(squared_difference, ek_squared(a *ma - b * mb) * my)
