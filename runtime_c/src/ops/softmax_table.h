/* The table of int8 Softmax: round(2^30 * exp(-d * scale)) for d = 0..255, by double additions and multiplications in a
 * fixed order, which every IEEE machine rounds alike. The same steps stand in edgekit/ops/normalization.py
 * (softmax_table) and docs/numerics.md. */
#ifndef EK_OPS_SOFTMAX_TABLE_H
#define EK_OPS_SOFTMAX_TABLE_H

#include <stdint.h>

#define EK_SOFTMAX_TABLE_ENTRIES 256

static inline void ek_softmax_table(float scale, uint32_t *table) {
  for (int d = 0; d < EK_SOFTMAX_TABLE_ENTRIES; d++) {
    const double x = (double)d * (double)scale;
    if (!(x < 22.0)) { /* below half a unit */
      table[d] = 0;
      continue;
    }
    const double z = x * 0.03125;
    double p = 1.0;
    for (int k = 13; k > 0; k--) {
      p = 1.0 - z * p / (double)k;
    }
    for (int i = 0; i < 5; i++) {
      p = p * p;
    }
    table[d] = (uint32_t)(p * 1073741824.0 + 0.5);
  }
}

#endif
