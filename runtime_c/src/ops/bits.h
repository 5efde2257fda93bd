/* Counting bits. */
#ifndef EK_OPS_BITS_H
#define EK_OPS_BITS_H

#include <stdint.h>

/* How many bits v needs: one plus the position of its highest set bit, 0 for 0. */
static inline uint32_t ek_bit_length(uint32_t v) {
  uint32_t n = 0;
  for (uint32_t half = 16; half != 0; half >>= 1) {
    if (v >> half != 0) {
      n += half;
      v >>= half;
    }
  }
  return n + (v != 0 ? 1 : 0);
}

#endif
