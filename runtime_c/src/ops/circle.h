/* Cosine and sine of fractions of a turn, the same bits on every IEEE machine: series in double precision by multiplications,
 * divisions and subtractions in a fixed order. The same steps stand in edgekit/ops/fourier.py (circle_points) and
 * docs/numerics.md. */
#ifndef EK_OPS_CIRCLE_H
#define EK_OPS_CIRCLE_H

#include <stdint.h>

typedef struct ek_circle_point {
  double cos, sin;
} ek_circle_point;

/* Of 2 pi k / n, for 0 <= k < n < 2^60. */
static inline ek_circle_point ek_circle(int64_t k, int64_t n) {
  const int64_t octant = 8 * k / n, rest = 8 * k % n;
  const bool odd = octant % 2 == 1;
  const double x = 0.78539816339744830962 * ((double)(odd ? n - rest : rest) / (double)n), square = x * x;
  double s = 1.0, c = 1.0;
  for (int i = 9; i > 0; i--) {
    s = 1.0 - square * s / (double)(2 * i * (2 * i + 1));
    c = 1.0 - square * c / (double)((2 * i - 1) * 2 * i);
  }
  s = odd ? -(x * s) : x * s;
  switch ((octant + (odd ? 1 : 0)) / 2 % 4) {
    case 0: return (ek_circle_point){c, s};
    case 1: return (ek_circle_point){-s, c};
    case 2: return (ek_circle_point){-c, -s};
    default: return (ek_circle_point){s, -c};
  }
}

#endif
