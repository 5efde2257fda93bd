/* qs8_vdequantize: every row, every byte, every remainder. */
#include "ukernel_test.h"
#include "ukernels/qs8_vdequantize/qs8_vdequantize.h"

int main(void) {
  size_t count;
  const ek_qs8_vdequantize_row *rows = ek_qs8_vdequantize_rows(&count);
  for (size_t r = 0; r < count; r++) {
    if (!test_row_runs(&rows[r].info)) continue;
    for (size_t round = 0; round < 400; round++) {
      const size_t n = round < 200 ? round % 100 + 1 : 256;
      const ek_qs8_vdequantize_args args = {0.001f + fabsf(test_random_float()), test_random_int8(),
                                            round % 2 ? 0x80 : 0};
      int8_t *x = test_guarded_alloc(n);
      float *y = test_guarded_alloc(n * 4);
      for (size_t i = 0; i < n; i++) x[i] = n == 256 ? (int8_t)i : test_random_int8();
      rows[r].fn(n, x, y, &args);
      for (size_t i = 0; i < n; i++) {
        const volatile float centered = (float)((int8_t)((uint8_t)x[i] ^ args.flip) - args.zero_point);
        const float want = centered * args.scale;
        if (y[i] != want)
          test_fail(&rows[r].info, "n=%zu x=%d: %.9g, expected %.9g", n, x[i], (double)y[i], (double)want);
      }
      test_guarded_free(x, n);
      test_guarded_free(y, n * 4);
    }
  }
  return test_result();
}
