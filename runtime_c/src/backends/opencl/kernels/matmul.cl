// Batched matrix products. Work items: (columns / 4, rows / 4, batch); each computes a tile of 4 x 4. Strides in elements; the batch
// dimensions come merged into at most three.

#define EK_MATMUL(type, sum_type, load_a, load_b, step)                                                                  \
  const int column = (int)get_global_id(0) * 4, row = (int)get_global_id(1) * 4, n = (int)get_global_id(2);              \
  if (column >= size.s1 || row >= size.s0) return;                                                                       \
  const int n2 = n % batch.s2, n1 = n / batch.s2 % batch.s1, n0 = n / (batch.s2 * batch.s1);                             \
  __global const type *a = EK_READ(type, a) + n0 * a_batch.s0 + n1 * a_batch.s1 + n2 * a_batch.s2 + row * a_stride.s0;   \
  __global const type *b = EK_READ(type, b) + n0 * b_batch.s0 + n1 * b_batch.s1 + n2 * b_batch.s2 + column * b_stride.s1; \
  const int rows = min(size.s0 - row, 4), columns = min(size.s1 - column, 4);                                            \
  const int4 at_a = min((int4)(0, 1, 2, 3), (int4)(rows - 1)) * a_stride.s0, at_b = min((int4)(0, 1, 2, 3), (int4)(columns - 1)) * b_stride.s1; \
  for (int k = 0; k < size.s2; k++, a += a_stride.s1, b += b_stride.s0) {                                                \
    const sum_type va = load_a, vb = load_b;                                                                             \
    step                                                                                                                 \
  }                                                                                                                      \
  __global type *y = EK_WRITE(type, y) + (n * size.s0 + row) * size.s1 + column;

__kernel void mat_mul_f32(EK_IN(a), EK_IN(b), EK_OUT(y), const int4 size, const int4 batch, const int4 a_batch, const int4 b_batch,
                          const int4 a_stride, const int4 b_stride) {
  float4 acc0 = (float4)(0.0f), acc1 = acc0, acc2 = acc0, acc3 = acc0;
  EK_MATMUL(float, float4, (float4)(a[at_a.s0], a[at_a.s1], a[at_a.s2], a[at_a.s3]),
            (float4)(b[at_b.s0], b[at_b.s1], b[at_b.s2], b[at_b.s3]), {
              acc0 = EK_MULTIPLY_ADD((float4)(va.s0), vb, acc0);
              acc1 = EK_MULTIPLY_ADD((float4)(va.s1), vb, acc1);
              acc2 = EK_MULTIPLY_ADD((float4)(va.s2), vb, acc2);
              acc3 = EK_MULTIPLY_ADD((float4)(va.s3), vb, acc3);
            })
  ek_store4_float(acc0, y, columns);
  if (rows > 1) ek_store4_float(acc1, y + size.s1, columns);
  if (rows > 2) ek_store4_float(acc2, y + 2 * size.s1, columns);
  if (rows > 3) ek_store4_float(acc3, y + 3 * size.s1, columns);
}

__kernel void mat_mul_i8(EK_IN(a), EK_IN(b), EK_OUT(y), const int4 size, const int4 batch, const int4 a_batch, const int4 b_batch,
                         const int4 a_stride, const int4 b_stride, const int a_zero, const int b_zero, const int y_zero, const float m,
                         const float low, const float high) {
  int4 acc0 = (int4)(0), acc1 = acc0, acc2 = acc0, acc3 = acc0;
  EK_MATMUL(char, int4, (int4)(a[at_a.s0], a[at_a.s1], a[at_a.s2], a[at_a.s3]) - a_zero,
            (int4)(b[at_b.s0], b[at_b.s1], b[at_b.s2], b[at_b.s3]) - b_zero, {
              acc0 += va.s0 * vb;
              acc1 += va.s1 * vb;
              acc2 += va.s2 * vb;
              acc3 += va.s3 * vb;
            })
  const float4 m4 = (float4)(m);
  ek_store4_char(convert_char4(ek_requantize4(acc0, m4, low, high, y_zero)), y, columns);
  if (rows > 1) ek_store4_char(convert_char4(ek_requantize4(acc1, m4, low, high, y_zero)), y + size.s1, columns);
  if (rows > 2) ek_store4_char(convert_char4(ek_requantize4(acc2, m4, low, high, y_zero)), y + 2 * size.s1, columns);
  if (rows > 3) ek_store4_char(convert_char4(ek_requantize4(acc3, m4, low, high, y_zero)), y + 3 * size.s1, columns);
}
