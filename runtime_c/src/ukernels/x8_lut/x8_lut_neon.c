#include <arm_neon.h>

#include "ukernels/x8_lut/x8_lut.h"

/* tbl looks up among 64 bytes and gives 0 beyond; tbx leaves the destination alone there. */
static inline uint8x16_t lookup(uint8x16_t x, const uint8x16x4_t t[4]) {
  const uint8x16_t step = vdupq_n_u8(64);
  uint8x16_t y = vqtbl4q_u8(t[0], x);
  x = vsubq_u8(x, step);
  y = vqtbx4q_u8(y, t[1], x);
  x = vsubq_u8(x, step);
  y = vqtbx4q_u8(y, t[2], x);
  x = vsubq_u8(x, step);
  return vqtbx4q_u8(y, t[3], x);
}

void ek_x8_lut_ukernel_x16__neon(size_t n, const uint8_t *x, uint8_t *y, const uint8_t table[256]) {
  if (n >= 16) {
    uint8x16x4_t t[4];
    for (int k = 0; k < 4; k++) t[k] = vld1q_u8_x4(table + 64 * k);
    for (; n >= 32; n -= 32, x += 32, y += 32) {
      const uint8x16_t x0 = vld1q_u8(x), x1 = vld1q_u8(x + 16);
      vst1q_u8(y, lookup(x0, t));
      vst1q_u8(y + 16, lookup(x1, t));
    }
    if (n >= 16) {
      vst1q_u8(y, lookup(vld1q_u8(x), t));
      n -= 16, x += 16, y += 16;
    }
  }
  for (; n > 0; n--) *y++ = table[*x++];
}
