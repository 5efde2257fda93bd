// Convolutions. Work items: (output channels, output positions, batch).

// Where the windows of an output position begin.
int4 ek_window_start(int position, int4 y_size, int4 stride, int4 begin) {
  const int4 at = (int4)(position / (y_size.s2 * y_size.s1), position / y_size.s2 % y_size.s1, position % y_size.s2, 0);
  return at * stride - begin;
}

int ek_positions(int4 size) { return size.s0 * size.s1 * size.s2; }

// The input position under a tap.
int4 ek_conv_tap(int position, int4 y_size, int4 tap, int4 stride, int4 dilation, int4 begin) {
  return ek_window_start(position, y_size, stride, begin) + tap * dilation;
}

// The input position that a tap of a transposed convolution scatters to this output, with -1 where there is none.
int ek_scattered(int at, int stride) { return at >= 0 && at % stride == 0 ? at / stride : -1; }
int4 ek_conv_transpose_tap(int position, int4 y_size, int4 tap, int4 stride, int4 dilation, int4 begin) {
  const int4 at = ek_window_start(position, y_size, (int4)(1), -begin) - tap * dilation;
  return (int4)(ek_scattered(at.s0, stride.s0), ek_scattered(at.s1, stride.s1), ek_scattered(at.s2, stride.s2), 0);
}

// ---- any layout, any groups, weights as the file holds them: [O, taps..., I / groups] ----

#define EK_CONV_ANY(type, tap, sum, finish)                                                                            \
  const int o = (int)get_global_id(0), position = (int)get_global_id(1), n = (int)get_global_id(2);                    \
  if (o >= y_size.s3 || position >= ek_positions(y_size)) return;                                                      \
  __global const type *x = EK_READ(type, x) + n * ek_positions(x_size) * x_size.s3 + o / outputs * inputs * x_stride.s3; \
  __global const type *w = EK_READ(type, w) + o * taps.s0 * taps.s1 * taps.s2 * inputs;                                \
  for (int i = 0; i < taps.s0; i++) {                                                                                  \
    for (int j = 0; j < taps.s1; j++) {                                                                                \
      for (int k = 0; k < taps.s2; k++, w += inputs) {                                                                 \
        const int4 at = tap(position, y_size, (int4)(i, j, k, 0), stride, dilation, begin);                            \
        if (at.s0 < 0 || at.s1 < 0 || at.s2 < 0 || at.s0 >= x_size.s0 || at.s1 >= x_size.s1 || at.s2 >= x_size.s2) continue; \
        __global const type *from = x + at.s0 * x_stride.s0 + at.s1 * x_stride.s1 + at.s2 * x_stride.s2;               \
        for (int c = 0; c < inputs; c++) sum;                                                                          \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  const int to = n * ek_positions(y_size) * y_size.s3 + position / (y_size.s2 * y_size.s1) * y_stride.s0 +             \
                 position / y_size.s2 % y_size.s1 * y_stride.s1 + position % y_size.s2 * y_stride.s2 + o * y_stride.s3; \
  EK_WRITE(type, y)[to] = finish;

#define EK_CONV_F32(name, tap)                                                                                           \
  __kernel void name(EK_IN(x), EK_IN(w), EK_IN(bias), EK_OUT(y), EK_WINDOW, const int inputs, const int outputs,         \
                     const int has_bias, const float low, const float high) {                                            \
    float acc = 0.0f;                                                                                                    \
    EK_CONV_ANY(float, tap, acc = EK_MULTIPLY_ADD(from[c * x_stride.s3], w[c], acc),                                     \
                ek_clamp(has_bias ? acc + EK_READ(float, bias)[o] : acc, low, high))                                     \
  }
EK_CONV_F32(conv_f32, ek_conv_tap)
EK_CONV_F32(conv_transpose_f32, ek_conv_transpose_tap)

#define EK_CONV_I8(name, tap)                                                                                            \
  __kernel void name(EK_IN(x), EK_IN(w), EK_IN(bias), EK_OUT(y), EK_WINDOW, const int inputs, const int outputs,         \
                     const int has_bias, EK_IN(multiplier), const int x_zero, const int y_zero, const float low,         \
                     const float high) {                                                                                 \
    int acc = 0;                                                                                                         \
    EK_CONV_ANY(char, tap, acc += (from[c * x_stride.s3] - x_zero) * w[c],                                               \
                (char)ek_requantize(has_bias ? acc + EK_READ(int, bias)[o] : acc, EK_READ(float, multiplier)[o], low, high, y_zero)) \
  }
EK_CONV_I8(conv_i8, ek_conv_tap)
EK_CONV_I8(conv_transpose_i8, ek_conv_transpose_tap)

// ---- channels last, one group, packed weights [taps, I, O rounded up to 4]: four output channels of four positions an item ----
// Also fully connected layers: one tap, the rows of x are the positions.

#define EK_TILE_BEGIN(type)                                                                                            \
  const int block = (int)get_global_id(0), first = (int)get_global_id(1) * 4, n = (int)get_global_id(2);               \
  const int positions = ek_positions(y_size), channels = x_size.s3, packed = (y_size.s3 + 3) / 4 * 4;                  \
  if (block * 4 >= packed || first >= positions) return;                                                               \
  __global const type *x = EK_READ(type, x) + n * ek_positions(x_size) * channels;                                     \
  __global const type *w = EK_READ(type, w) + block * 4;                                                               \
  const int4 start0 = ek_window_start(first, y_size, stride, begin);                                                   \
  const int4 start1 = ek_window_start(min(first + 1, positions - 1), y_size, stride, begin);                           \
  const int4 start2 = ek_window_start(min(first + 2, positions - 1), y_size, stride, begin);                           \
  const int4 start3 = ek_window_start(min(first + 3, positions - 1), y_size, stride, begin);

// The input position under a tap, or -1 in the padding.
int ek_tap(int4 start, int4 offset, int4 x_size) {
  const int4 at = start + offset;
  const bool inside = at.s0 >= 0 && at.s1 >= 0 && at.s2 >= 0 && at.s0 < x_size.s0 && at.s1 < x_size.s1 && at.s2 < x_size.s2;
  return inside ? ((at.s0 * x_size.s1 + at.s1) * x_size.s2 + at.s2) * x_size.s3 : -1;
}

#define EK_TAPS_BEGIN                                                                                  \
  for (int i = 0; i < taps.s0; i++) {                                                                  \
    for (int j = 0; j < taps.s1; j++) {                                                                \
      for (int k = 0; k < taps.s2; k++, w += channels * packed) {                                      \
        const int4 offset = (int4)(i, j, k, 0) * dilation;                                             \
        const int at0 = ek_tap(start0, offset, x_size), at1 = ek_tap(start1, offset, x_size);          \
        const int at2 = ek_tap(start2, offset, x_size), at3 = ek_tap(start3, offset, x_size);

#define EK_TAPS_END \
  }                 \
  }                 \
  }

__kernel void conv_tile_f32(EK_IN(x), EK_IN(w), EK_IN(bias), EK_OUT(y), EK_WINDOW, const float low, const float high) {
  EK_TILE_BEGIN(float)
  float4 acc0 = vload4(block, EK_READ(float, bias)), acc1 = acc0, acc2 = acc0, acc3 = acc0;
  EK_TAPS_BEGIN
    int c = 0;
    for (; c + 4 <= channels; c += 4) {
      const float4 x0 = at0 < 0 ? (float4)(0.0f) : vload4(0, x + at0 + c), x1 = at1 < 0 ? (float4)(0.0f) : vload4(0, x + at1 + c);
      const float4 x2 = at2 < 0 ? (float4)(0.0f) : vload4(0, x + at2 + c), x3 = at3 < 0 ? (float4)(0.0f) : vload4(0, x + at3 + c);
      const float4 w0 = vload4(0, w + c * packed), w1 = vload4(0, w + (c + 1) * packed);
      const float4 w2 = vload4(0, w + (c + 2) * packed), w3 = vload4(0, w + (c + 3) * packed);
      acc0 = EK_MULTIPLY_ADD((float4)(x0.s0), w0, acc0);
      acc1 = EK_MULTIPLY_ADD((float4)(x1.s0), w0, acc1);
      acc2 = EK_MULTIPLY_ADD((float4)(x2.s0), w0, acc2);
      acc3 = EK_MULTIPLY_ADD((float4)(x3.s0), w0, acc3);
      acc0 = EK_MULTIPLY_ADD((float4)(x0.s1), w1, acc0);
      acc1 = EK_MULTIPLY_ADD((float4)(x1.s1), w1, acc1);
      acc2 = EK_MULTIPLY_ADD((float4)(x2.s1), w1, acc2);
      acc3 = EK_MULTIPLY_ADD((float4)(x3.s1), w1, acc3);
      acc0 = EK_MULTIPLY_ADD((float4)(x0.s2), w2, acc0);
      acc1 = EK_MULTIPLY_ADD((float4)(x1.s2), w2, acc1);
      acc2 = EK_MULTIPLY_ADD((float4)(x2.s2), w2, acc2);
      acc3 = EK_MULTIPLY_ADD((float4)(x3.s2), w2, acc3);
      acc0 = EK_MULTIPLY_ADD((float4)(x0.s3), w3, acc0);
      acc1 = EK_MULTIPLY_ADD((float4)(x1.s3), w3, acc1);
      acc2 = EK_MULTIPLY_ADD((float4)(x2.s3), w3, acc2);
      acc3 = EK_MULTIPLY_ADD((float4)(x3.s3), w3, acc3);
    }
    for (; c < channels; c++) {
      const float4 w0 = vload4(0, w + c * packed);
      acc0 = EK_MULTIPLY_ADD((float4)(at0 < 0 ? 0.0f : x[at0 + c]), w0, acc0);
      acc1 = EK_MULTIPLY_ADD((float4)(at1 < 0 ? 0.0f : x[at1 + c]), w0, acc1);
      acc2 = EK_MULTIPLY_ADD((float4)(at2 < 0 ? 0.0f : x[at2 + c]), w0, acc2);
      acc3 = EK_MULTIPLY_ADD((float4)(at3 < 0 ? 0.0f : x[at3 + c]), w0, acc3);
    }
  EK_TAPS_END
  const int count = y_size.s3 - block * 4;
  __global float *y = EK_WRITE(float, y) + (n * positions + first) * y_size.s3 + block * 4;
  acc0 = acc0 < low ? (float4)(low) : acc0;
  acc1 = acc1 < low ? (float4)(low) : acc1;
  acc2 = acc2 < low ? (float4)(low) : acc2;
  acc3 = acc3 < low ? (float4)(low) : acc3;
  ek_store4_float(acc0 > high ? (float4)(high) : acc0, y, count);
  if (first + 1 < positions) ek_store4_float(acc1 > high ? (float4)(high) : acc1, y + y_size.s3, count);
  if (first + 2 < positions) ek_store4_float(acc2 > high ? (float4)(high) : acc2, y + 2 * y_size.s3, count);
  if (first + 3 < positions) ek_store4_float(acc3 > high ? (float4)(high) : acc3, y + 3 * y_size.s3, count);
}

__kernel void conv_tile_i8(EK_IN(x), EK_IN(w), EK_IN(bias), EK_OUT(y), EK_WINDOW, EK_IN(multiplier), const int x_zero, const int y_zero,
                           const float low, const float high) {
  EK_TILE_BEGIN(char)
  int4 acc0 = vload4(block, EK_READ(int, bias)), acc1 = acc0, acc2 = acc0, acc3 = acc0;
  EK_TAPS_BEGIN
    int c = 0;
    for (; c + 4 <= channels; c += 4) {
      const int4 x0 = at0 < 0 ? (int4)(0) : convert_int4(vload4(0, x + at0 + c)) - x_zero;
      const int4 x1 = at1 < 0 ? (int4)(0) : convert_int4(vload4(0, x + at1 + c)) - x_zero;
      const int4 x2 = at2 < 0 ? (int4)(0) : convert_int4(vload4(0, x + at2 + c)) - x_zero;
      const int4 x3 = at3 < 0 ? (int4)(0) : convert_int4(vload4(0, x + at3 + c)) - x_zero;
      const int4 w0 = convert_int4(vload4(0, w + c * packed)), w1 = convert_int4(vload4(0, w + (c + 1) * packed));
      const int4 w2 = convert_int4(vload4(0, w + (c + 2) * packed)), w3 = convert_int4(vload4(0, w + (c + 3) * packed));
      acc0 += x0.s0 * w0 + x0.s1 * w1 + x0.s2 * w2 + x0.s3 * w3;
      acc1 += x1.s0 * w0 + x1.s1 * w1 + x1.s2 * w2 + x1.s3 * w3;
      acc2 += x2.s0 * w0 + x2.s1 * w1 + x2.s2 * w2 + x2.s3 * w3;
      acc3 += x3.s0 * w0 + x3.s1 * w1 + x3.s2 * w2 + x3.s3 * w3;
    }
    for (; c < channels; c++) {
      const int4 w0 = convert_int4(vload4(0, w + c * packed));
      acc0 += (at0 < 0 ? 0 : x[at0 + c] - x_zero) * w0;
      acc1 += (at1 < 0 ? 0 : x[at1 + c] - x_zero) * w0;
      acc2 += (at2 < 0 ? 0 : x[at2 + c] - x_zero) * w0;
      acc3 += (at3 < 0 ? 0 : x[at3 + c] - x_zero) * w0;
    }
  EK_TAPS_END
  const int count = y_size.s3 - block * 4;
  const float4 m = vload4(block, EK_READ(float, multiplier));
  __global char *y = EK_WRITE(char, y) + (n * positions + first) * y_size.s3 + block * 4;
  ek_store4_char(convert_char4(ek_requantize4(acc0, m, low, high, y_zero)), y, count);
  if (first + 1 < positions) ek_store4_char(convert_char4(ek_requantize4(acc1, m, low, high, y_zero)), y + y_size.s3, count);
  if (first + 2 < positions) ek_store4_char(convert_char4(ek_requantize4(acc2, m, low, high, y_zero)), y + 2 * y_size.s3, count);
  if (first + 3 < positions) ek_store4_char(convert_char4(ek_requantize4(acc3, m, low, high, y_zero)), y + 3 * y_size.s3, count);
}

// ---- depthwise, channels last, packed weights [taps, C rounded up to 4]: four channels of one position an item ----

#define EK_DEPTHWISE(type, vector, sum)                                                                                \
  const int block = (int)get_global_id(0), position = (int)get_global_id(1), n = (int)get_global_id(2);                \
  const int positions = ek_positions(y_size), channels = x_size.s3, packed = (channels + 3) / 4 * 4;                   \
  if (block * 4 >= packed || position >= positions) return;                                                            \
  const int count = channels - block * 4;                                                                              \
  __global const type *x = EK_READ(type, x) + n * ek_positions(x_size) * channels + block * 4;                         \
  __global const type *w = EK_READ(type, w) + block * 4;                                                               \
  const int4 start = ek_window_start(position, y_size, stride, begin);                                                 \
  for (int i = 0; i < taps.s0; i++) {                                                                                  \
    for (int j = 0; j < taps.s1; j++) {                                                                                \
      for (int k = 0; k < taps.s2; k++, w += packed) {                                                                 \
        const int at = ek_tap(start, (int4)(i, j, k, 0) * dilation, x_size);                                           \
        if (at < 0) continue;                                                                                          \
        const vector v = ek_load4_##type(x + at, count);                                                               \
        sum;                                                                                                           \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  __global type *y = EK_WRITE(type, y) + (n * positions + position) * channels + block * 4;

__kernel void depthwise_f32(EK_IN(x), EK_IN(w), EK_IN(bias), EK_OUT(y), EK_WINDOW, const float low, const float high) {
  float4 acc = vload4(get_global_id(0) * 4 < (size_t)x_size.s3 ? get_global_id(0) : 0, EK_READ(float, bias));
  EK_DEPTHWISE(float, float4, acc = EK_MULTIPLY_ADD(v, vload4(0, w), acc))
  acc = acc < low ? (float4)(low) : acc;
  ek_store4_float(acc > high ? (float4)(high) : acc, y, count);
}

__kernel void depthwise_i8(EK_IN(x), EK_IN(w), EK_IN(bias), EK_OUT(y), EK_WINDOW, EK_IN(multiplier), const int x_zero, const int y_zero,
                           const float low, const float high) {
  int4 acc = vload4(get_global_id(0) * 4 < (size_t)x_size.s3 ? get_global_id(0) : 0, EK_READ(int, bias));
  EK_DEPTHWISE(char, char4, acc += (convert_int4(v) - x_zero) * convert_int4(vload4(0, w)))
  ek_store4_char(convert_char4(ek_requantize4(acc, vload4(block, EK_READ(float, multiplier)), low, high, y_zero)), y, count);
}
