// Pools, any layout. Work items: (channels, output positions, batch).

#define EK_POOL(type, body)                                                                                              \
  const int c = (int)get_global_id(0), position = (int)get_global_id(1), n = (int)get_global_id(2);                      \
  if (c >= y_size.s3 || position >= y_size.s0 * y_size.s1 * y_size.s2) return;                                           \
  const int4 where = (int4)(position / (y_size.s2 * y_size.s1), position / y_size.s2 % y_size.s1, position % y_size.s2, c); \
  const int4 start = where * stride - begin;                                                                             \
  __global const type *x = EK_READ(type, x) + n * x_size.s0 * x_size.s1 * x_size.s2 * x_size.s3 + c * x_stride.s3;       \
  const int to = n * y_size.s0 * y_size.s1 * y_size.s2 * y_size.s3 + where.s0 * y_stride.s0 + where.s1 * y_stride.s1 +   \
                 where.s2 * y_stride.s2 + c * y_stride.s3;                                                               \
  for (int i = 0; i < taps.s0; i++) {                                                                                    \
    const int d = start.s0 + i * dilation.s0;                                                                            \
    if (d < 0 || d >= x_size.s0) continue;                                                                               \
    for (int j = 0; j < taps.s1; j++) {                                                                                  \
      const int h = start.s1 + j * dilation.s1;                                                                          \
      if (h < 0 || h >= x_size.s1) continue;                                                                             \
      for (int k = 0; k < taps.s2; k++) {                                                                                \
        const int w = start.s2 + k * dilation.s2;                                                                        \
        if (w < 0 || w >= x_size.s2) continue;                                                                           \
        const type v = x[d * x_stride.s0 + h * x_stride.s1 + w * x_stride.s2];                                           \
        body;                                                                                                            \
      }                                                                                                                  \
    }                                                                                                                    \
  }

__kernel void max_pool_f32(EK_IN(x), EK_OUT(y), EK_WINDOW, const float low, const float high) {
  float best = -INFINITY;
  EK_POOL(float, best = (v > best || isnan(v)) ? v : best)
  EK_WRITE(float, y)[to] = ek_clamp(best, low, high);
}

__kernel void max_pool_i8(EK_IN(x), EK_OUT(y), EK_WINDOW, const int low, const int high) {
  int best = -128;
  EK_POOL(char, best = max(best, (int)v))
  EK_WRITE(char, y)[to] = (char)min(max(best, low), high);
}

__kernel void max_pool_u8(EK_IN(x), EK_OUT(y), EK_WINDOW, const int low, const int high) {
  int best = 0;
  EK_POOL(uchar, best = max(best, (int)v))
  EK_WRITE(uchar, y)[to] = (uchar)min(max(best, low), high);
}

// How many taps of a window lie in [from, to).
int ek_taps_inside(int start, int taps, int step, int from, int to) {
  int inside = 0;
  for (int i = 0; i < taps; i++) inside += start + i * step >= from && start + i * step < to;
  return inside;
}

// `before` and `after`: by how much the counted area reaches beyond the input.
int ek_pool_count(int4 start, int4 taps, int4 dilation, int4 x_size, int4 before, int4 after) {
  return max(1, ek_taps_inside(start.s0, taps.s0, dilation.s0, -before.s0, x_size.s0 + after.s0) *
                    ek_taps_inside(start.s1, taps.s1, dilation.s1, -before.s1, x_size.s1 + after.s1) *
                    ek_taps_inside(start.s2, taps.s2, dilation.s2, -before.s2, x_size.s2 + after.s2));
}

__kernel void average_pool_f32(EK_IN(x), EK_OUT(y), EK_WINDOW, const int4 before, const int4 after) {
  float sum = 0.0f;
  EK_POOL(float, sum += v)
  EK_WRITE(float, y)[to] = sum / convert_float(ek_pool_count(start, taps, dilation, x_size, before, after));
}

// The mean of stored integers to the nearest: ties upwards (rounding 1) or away from zero (2).
int ek_integer_mean(long total, long count, int rounding) {
  const bool mirrored = total < 0 && rounding == 2;
  const long twice = 2 * (mirrored ? -total : total) + count, unit = 2 * count;
  const int near = (int)(twice / unit - (twice % unit < 0 ? 1 : 0));
  return min(max(mirrored ? -near : near, -128), 127);
}

// multiplier[count - 1] belongs to a window of that many elements.
__kernel void average_pool_i8(EK_IN(x), EK_OUT(y), EK_WINDOW, const int4 before, const int4 after, EK_IN(multiplier), const int x_zero,
                              const int y_zero, const float low, const float high, const int rounding) {
  int sum = 0;
  EK_POOL(char, sum += v - x_zero)
  const int count = ek_pool_count(start, taps, dilation, x_size, before, after);
  EK_WRITE(char, y)[to] = rounding == 0 ? (char)ek_requantize(sum, EK_READ(float, multiplier)[count - 1], low, high, y_zero)
                                        : (char)ek_integer_mean((long)sum + (long)x_zero * count, count, rounding);
}
