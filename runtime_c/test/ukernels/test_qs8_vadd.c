/* qs8_vadd: every row and form, all pairs of operands, against the formula of docs/numerics.md. */
#include "ukernel_test.h"
#include "ukernels/qs8_vadd/qs8_vadd.h"

static int8_t expected(const ek_qs8_vadd_args *args, int8_t a, int8_t b) {
  volatile float pa = (float)(a - args->a_zero),
                 pb = (float)(b - args->b_zero); /* volatile: each step is rounded to float */
  volatile float ta = pa * args->a_multiplier, tb = pb * args->b_multiplier;
  const float y = ta + tb;
  const float low = (float)(args->min - args->y_zero), high = (float)(args->max - args->y_zero);
  return (int8_t)(nearbyintf(y < low ? low : y > high ? high : y) + (float)args->y_zero);
}

int main(void) {
  size_t count;
  const ek_qs8_vadd_row *rows = ek_qs8_vadd_rows(&count);
  for (size_t r = 0; r < count; r++) {
    if (!test_row_runs(&rows[r].info)) continue;
    for (size_t round = 0; round < 600; round++) {
      const size_t n = round < 300 ? round % 150 + 1 : 256;
      ek_qs8_vadd_args args = {0};
      args.a_zero = test_random_int8();
      args.b_zero = test_random_int8();
      args.y_zero = test_random_int8();
      args.a_multiplier = test_random_float() * (round % 7 == 0 ? 1e20f : 1.5f);
      args.b_multiplier = test_random_float() * (round % 5 == 0 ? 0.5f : 1.0f);
      args.min = -128 + (int32_t)test_random_below(100) * (int32_t)(round % 2);
      args.max = 127 - (int32_t)test_random_below(100) * (int32_t)(round % 3 != 0);
      const int form = 1 + (int)test_random_below(3);
      args.a_step = form & 1;
      args.b_step = (uint8_t)(form >> 1);
      const size_t an = args.a_step ? n : 1, bn = args.b_step ? n : 1;
      int8_t *a = test_guarded_alloc(an), *b = test_guarded_alloc(bn), *y = test_guarded_alloc(n);
      for (size_t i = 0; i < an; i++) a[i] = n == 256 ? (int8_t)i : test_random_int8();
      for (size_t i = 0; i < bn; i++) b[i] = test_random_int8();
      rows[r].fn(n, a, b, y, &args);
      for (size_t i = 0; i < n; i++) {
        const int8_t want = expected(&args, a[i * args.a_step], b[i * args.b_step]);
        if (y[i] != want) test_fail(&rows[r].info, "n=%zu i=%zu form %d: %d, expected %d", n, i, form, y[i], want);
      }
      int8_t *alias = args.a_step ? a : b;
      rows[r].fn(n, a, b, alias, &args);
      if (memcmp(alias, y, n) != 0) test_fail(&rows[r].info, "n=%zu form %d: in place differs", n, form);
      test_guarded_free(a, an);
      test_guarded_free(b, bn);
      test_guarded_free(y, n);
    }
  }
  return test_result();
}
