/* x8_lut: every row, every byte, every remainder, in place. */
#include "ukernel_test.h"
#include "ukernels/x8_lut/x8_lut.h"

int main(void) {
  size_t count;
  const ek_x8_lut_row *rows = ek_x8_lut_rows(&count);
  uint8_t *table = test_guarded_alloc(256);
  for (size_t r = 0; r < count; r++) {
    if (!test_row_runs(&rows[r].info)) continue;
    for (size_t n = 1; n < 400; n++) {
      for (int i = 0; i < 256; i++) table[i] = (uint8_t)test_random();
      uint8_t *x = test_guarded_alloc(n), *y = test_guarded_alloc(n);
      for (size_t i = 0; i < n; i++) x[i] = n > 256 ? (uint8_t)i : (uint8_t)test_random();
      rows[r].fn(n, x, y, table);
      for (size_t i = 0; i < n; i++) {
        if (y[i] != table[x[i]])
          test_fail(&rows[r].info, "n=%zu i=%zu x=%u: %u, expected %u", n, i, x[i], y[i], table[x[i]]);
      }
      rows[r].fn(n, x, x, table);
      if (memcmp(x, y, n) != 0) test_fail(&rows[r].info, "n=%zu: in place differs", n);
      test_guarded_free(x, n);
      test_guarded_free(y, n);
    }
  }
  test_guarded_free(table, 256);
  return test_result();
}
