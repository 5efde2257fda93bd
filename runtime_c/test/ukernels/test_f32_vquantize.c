/* f32_vquantize: every row and remainder against x / scale rounded by the C library. */
#include "ukernel_test.h"
#include "ukernels/f32_vquantize/f32_vquantize.h"

static uint8_t expected(const ek_f32_vquantize_args *args, float x) {
  volatile float q = x / args->scale;
  const float low = (float)(args->min - args->zero_point), high = (float)(args->max - args->zero_point);
  const float held = isnan(q) ? 0.0f : q;
  const float clamped = held < low ? low : held > high ? high : held;
  return (uint8_t)((uint8_t)(int8_t)(nearbyintf(clamped) + (float)args->zero_point) ^ args->flip);
}

int main(void) {
  static const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, 0x1.fffffep127f, -0x1.fffffep127f};
  size_t count;
  const ek_f32_vquantize_row *rows = ek_f32_vquantize_rows(&count);
  for (size_t r = 0; r < count; r++) {
    if (!test_row_runs(&rows[r].info)) continue;
    for (size_t round = 0; round < 1000; round++) {
      const size_t n = round % 100;
      const ek_f32_vquantize_args args = {0.001f + fabsf(test_random_float()) * 0.3f, test_random_int8(),
                                          -128 + (int32_t)test_random_below(60) * (int32_t)(round % 2), 127,
                                          test_random_below(2) ? 0x80 : 0};
      float *x = test_guarded_alloc(n * 4 + 4);
      int8_t *y = test_guarded_alloc(n + 1);
      for (size_t i = 0; i < n; i++) {
        const size_t kind = test_random_below(10);
        x[i + 1] = kind == 0  ? special[test_random_below(8)]
                   : kind < 4 ? ((float)test_random_int8() + 0.5f) * args.scale /* ties, where the product is exact */
                              : test_random_float() * 50.0f;
      }
      rows[r].fn(n, x + 1, y + 1, &args);
      for (size_t i = 0; i < n; i++) {
        const uint8_t want = expected(&args, x[i + 1]);
        if ((uint8_t)y[i + 1] != want) {
          test_fail(&rows[r].info, "n=%zu i=%zu x=%.9g: %d, expected %d", n, i, (double)x[i + 1], (uint8_t)y[i + 1],
                    want);
        }
      }
      test_guarded_free(x, n * 4 + 4);
      test_guarded_free(y, n + 1);
    }
  }
  return test_result();
}
