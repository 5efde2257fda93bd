/* s32_vfixed: every row against the definition in long division, ties and extremes included. */
#include "ukernel_test.h"
#include "ukernels/s32_vfixed/s32_vfixed.h"

/* x / 2^bits to the nearest integer; ties upwards, or away from zero. */
static int64_t divide(int64_t x, int bits, int away) {
  const int64_t unit = INT64_C(1) << bits;
  int64_t whole = x / unit, rest = x % unit;
  if (rest < 0) {
    whole--;
    rest += unit;
  }
  if (2 * rest > unit || (2 * rest == unit && !(away && x < 0))) whole++;
  return whole;
}

static int8_t oracle(int32_t acc, int32_t multiplier, int32_t shift, const ek_s32_vfixed_params *p) {
  const uint32_t left = shift > 0 ? (uint32_t)acc << shift : (uint32_t)acc;
  const int64_t t = divide((int64_t)(int32_t)left * multiplier, 31, 0);
  int64_t y = (shift < 0 ? divide(t, -shift, p->away) : t) + p->zero_point;
  y = y < p->min ? p->min : y > p->max ? p->max : y;
  return (int8_t)y;
}

static int32_t any_sum(void) {
  static const int32_t extremes[] = {INT32_MIN, INT32_MIN + 1, INT32_MAX, -1, 0, 1};
  switch (test_random_below(4)) {
    case 0: return extremes[test_random_below(6)];
    case 1: return (int32_t)test_random();
    case 2: return (int32_t)(test_random_below(4096))-2048;
    default: return ((int32_t)(test_random() >> 12) - (1 << 19)) & ~7; /* ties with powers of two */
  }
}

int main(void) {
  size_t count;
  const ek_s32_vfixed_row *rows = ek_s32_vfixed_rows(&count);
  for (size_t r = 0; r < count; r++) {
    if (!test_row_runs(&rows[r].info)) continue;
    for (size_t n = 1; n < 700; n++) {
      const size_t padded = (n + EK_S32_VFIXED_PADDING - 1) / EK_S32_VFIXED_PADDING * EK_S32_VFIXED_PADDING;
      const size_t bytes = padded * sizeof(int32_t);
      int32_t *acc = test_guarded_alloc(bytes), *multiplier = test_guarded_alloc(bytes),
              *shift = test_guarded_alloc(bytes);
      int8_t *y = test_guarded_alloc(n);
      const ek_s32_vfixed_params p = {(int32_t)(n & 1), test_random_int8(), -128 + (int32_t)test_random_below(40),
                                      127 - (int32_t)test_random_below(40)};
      for (size_t i = 0; i < padded; i++) {
        acc[i] = any_sum();
        multiplier[i] = test_random_below(3) == 0 ? 1 << 30 : (int32_t)(test_random() >> 2 | 1u << 30);
        shift[i] = (int32_t)test_random_below(n % 3 == 0 ? 63 : 20) - (n % 3 == 0 ? 31 : 16);
        if (test_random_below(50) == 0) multiplier[i] = shift[i] = 0;
      }
      rows[r].fn(n, acc, multiplier, shift, y, &p);
      for (size_t i = 0; i < n; i++) {
        const int8_t expected = oracle(acc[i], multiplier[i], shift[i], &p);
        if (y[i] != expected) {
          test_fail(&rows[r].info, "away=%d acc=%d multiplier=%d shift=%d: %d, expected %d", p.away, acc[i],
                    multiplier[i], shift[i], y[i], expected);
        }
      }
      test_guarded_free(acc, bytes), test_guarded_free(multiplier, bytes), test_guarded_free(shift, bytes);
      test_guarded_free(y, n);
    }
  }
  return test_result();
}
