#include "ukernels/x8_lut/x8_lut.h"

void ek_x8_lut_ukernel_x4__scalar(size_t n, const uint8_t *x, uint8_t *y, const uint8_t table[256]) {
  for (; n >= 4; n -= 4, x += 4, y += 4) {
    const uint8_t y0 = table[x[0]], y1 = table[x[1]], y2 = table[x[2]], y3 = table[x[3]];
    y[0] = y0;
    y[1] = y1;
    y[2] = y2;
    y[3] = y3;
  }
  for (; n > 0; n--) *y++ = table[*x++];
}
