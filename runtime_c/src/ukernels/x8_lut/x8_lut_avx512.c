/* As x8_lut_avx2.c, 64 bytes at a time. */
#include <immintrin.h>

#include "ukernels/x8_lut/x8_lut.h"

static inline __m512i lookup512(__m512i x, const __m512i *t) {
  const __m512i sixteen = _mm512_set1_epi8(16);
  __m512i y = _mm512_shuffle_epi8(t[0], x);
  for (int k = 1; k < 9; k++) {
    x = _mm512_sub_epi8(x, sixteen);
    y = _mm512_xor_si512(y, _mm512_shuffle_epi8(t[k], x));
  }
  for (int k = 9; k < 16; k++) {
    x = _mm512_subs_epi8(x, sixteen);
    y = _mm512_xor_si512(y, _mm512_shuffle_epi8(t[k], x));
  }
  return y;
}

void ek_x8_lut_ukernel_x64__avx512(size_t n, const uint8_t *x, uint8_t *y, const uint8_t table[256]) {
  if (n >= 64) {
    __m512i parts[16], t[16];
    for (int k = 0; k < 16; k++) parts[k] = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(table + 16 * k)));
    t[0] = parts[0];
    for (int k = 1; k < 8; k++) t[k] = _mm512_xor_si512(parts[k], parts[k - 1]);
    t[8] = _mm512_xor_si512(_mm512_xor_si512(parts[8], parts[7]), parts[0]);
    for (int k = 9; k < 16; k++) t[k] = _mm512_xor_si512(_mm512_xor_si512(parts[k], parts[k - 1]), t[k - 8]);
    for (; n >= 64; n -= 64, x += 64, y += 64) _mm512_storeu_si512(y, lookup512(_mm512_loadu_si512(x), t));
  }
  for (; n > 0; n--) *y++ = table[*x++];
}
