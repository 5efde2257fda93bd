// Resize from tables made at session creation. The tensor is seen as [n, A, m, B, c]: A and B are the resized axes, in ascending order.

#define EK_RESIZE_INDEX                                                                                    \
  const int i = (int)get_global_id(0);                                                                     \
  if (i >= count) return;                                                                                  \
  const int c = i % inner, b = i / inner % b_out, m = i / (inner * b_out) % middle;                        \
  const int a = i / (inner * b_out * middle) % a_out, n = i / (inner * b_out * middle * a_out);            \
  const int a_step = middle * b_in * inner, base = n * a_in * a_step + m * b_in * inner + c;

#define EK_RESIZE_SIZES                                                                                   \
  const int count, const int a_in, const int a_out, const int middle, const int b_in, const int b_out, const int inner

#define EK_NEAREST(size, type)                                                                            \
  __kernel void resize_nearest_##size(EK_IN(x), EK_OUT(y), EK_RESIZE_SIZES, EK_IN(a_index), EK_IN(b_index)) { \
    EK_RESIZE_INDEX                                                                                       \
    EK_WRITE(type, y)[i] = EK_READ(type, x)[base + EK_READ(int, a_index)[a] * a_step + EK_READ(int, b_index)[b] * inner]; \
  }
EK_NEAREST(1, uchar)
EK_NEAREST(2, ushort)
EK_NEAREST(4, uint)
EK_NEAREST(8, uint2)

// Axis A first, then B; sums in the order of the taps, every product and sum rounded once.
#define EK_INTERPOLATE(name, type, finish)                                                                \
  __kernel void resize_##name(EK_IN(x), EK_OUT(y), EK_RESIZE_SIZES, EK_IN(a_index), EK_IN(b_index), EK_IN(a_weight), EK_IN(b_weight), \
                              const int a_taps, const int b_taps) {                                       \
    EK_RESIZE_INDEX                                                                                       \
    __global const type *x = EK_READ(type, x) + base;                                                     \
    __global const int *ia = EK_READ(int, a_index) + a * a_taps, *ib = EK_READ(int, b_index) + b * b_taps; \
    __global const float *wa = EK_READ(float, a_weight) + a * a_taps, *wb = EK_READ(float, b_weight) + b * b_taps; \
    float total = 0.0f;                                                                                   \
    for (int k = 0; k < b_taps; k++) {                                                                    \
      float column = convert_float(x[ia[0] * a_step + ib[k] * inner]) * wa[0];                            \
      for (int j = 1; j < a_taps; j++) column = column + convert_float(x[ia[j] * a_step + ib[k] * inner]) * wa[j]; \
      total = k == 0 ? column * wb[0] : total + column * wb[k];                                           \
    }                                                                                                     \
    EK_WRITE(type, y)[i] = finish;                                                                        \
  }
EK_INTERPOLATE(f32, float, total)
EK_INTERPOLATE(i8, char, (char)ek_to_quantized(total, -128.0f, 127.0f, 0))
EK_INTERPOLATE(u8, uchar, (uchar)ek_to_quantized(total, 0.0f, 255.0f, 0))
