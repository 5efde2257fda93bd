/* pshufb looks a byte up among 16 by its low bits and gives 0 where bit 7 of the index is set. The index loses 16 before each of
 * the 16 looks, so a byte of part p < 8 is seen by the looks 0..p, and one of part p + 8 by the looks p + 1..p + 8. The stored parts
 * are differences, chosen so that the exclusive-or of what a byte sees is its entry. From look 9 on the subtraction saturates:
 * a byte below part 8 must not come round again. */
#include <immintrin.h>

#include "ukernels/x8_lut/x8_lut.h"

static inline __m256i lookup(__m256i x, const __m256i *t) {
  const __m256i sixteen = _mm256_set1_epi8(16);
  __m256i y = _mm256_shuffle_epi8(t[0], x);
  for (int k = 1; k < 9; k++) {
    x = _mm256_sub_epi8(x, sixteen);
    y = _mm256_xor_si256(y, _mm256_shuffle_epi8(t[k], x));
  }
  for (int k = 9; k < 16; k++) {
    x = _mm256_subs_epi8(x, sixteen);
    y = _mm256_xor_si256(y, _mm256_shuffle_epi8(t[k], x));
  }
  return y;
}

void ek_x8_lut_ukernel_x32__avx2(size_t n, const uint8_t *x, uint8_t *y, const uint8_t table[256]) {
  if (n >= 32) {
    __m256i parts[16], t[16];
    for (int k = 0; k < 16; k++)
      parts[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table + 16 * k)));
    t[0] = parts[0];
    for (int k = 1; k < 8; k++) t[k] = _mm256_xor_si256(parts[k], parts[k - 1]);
    t[8] = _mm256_xor_si256(_mm256_xor_si256(parts[8], parts[7]), parts[0]);
    for (int k = 9; k < 16; k++) t[k] = _mm256_xor_si256(_mm256_xor_si256(parts[k], parts[k - 1]), t[k - 8]);
    for (; n >= 32; n -= 32, x += 32, y += 32) {
      _mm256_storeu_si256((__m256i *)y, lookup(_mm256_loadu_si256((const __m256i *)x), t));
    }
  }
  for (; n > 0; n--) *y++ = table[*x++];
}
