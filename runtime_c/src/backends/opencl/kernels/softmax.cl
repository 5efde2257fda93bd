// Softmax along one axis: an item a row of `length` elements that lie `inner` apart.

#define EK_ROW(type)                                                     \
  const int row = (int)get_global_id(0);                                 \
  if (row >= rows) return;                                               \
  const int at = row / inner * length * inner + row % inner;             \
  __global const type *x = EK_READ(type, x) + at;                        \
  __global type *y = EK_WRITE(type, y) + at;

__kernel void softmax_f32(EK_IN(x), EK_OUT(y), const int rows, const int length, const int inner) {
  EK_ROW(float)
  float most = x[0];
  for (int i = 1; i < length; i++) most = (x[i * inner] > most || isnan(x[i * inner])) ? x[i * inner] : most;
  float sum = 0.0f;
  for (int i = 0; i < length; i++) sum += exp(x[i * inner] - most);
  for (int i = 0; i < length; i++) y[i * inner] = exp(x[i * inner] - most) / sum;
}

// In integers only: table[d] is round(2^30 * exp(-d * scale)).
__kernel void softmax_i8(EK_IN(x), EK_OUT(y), const int rows, const int length, const int inner, EK_IN(table)) {
  EK_ROW(char)
  int most = -128;
  for (int i = 0; i < length; i++) most = max(most, (int)x[i * inner]);
  ulong sum = 0;
  for (int i = 0; i < length; i++) sum += EK_READ(uint, table)[most - x[i * inner]];
  for (int i = 0; i < length; i++) {
    const ulong share = ((ulong)EK_READ(uint, table)[most - x[i * inner]] * 256 + sum / 2) / sum;
    y[i * inner] = (char)((int)min(share, (ulong)255) - 128);
  }
}
