/* base/requantize.h for AVX-512: sixteen accumulators to sixteen int8. */
#ifndef EK_UKERNELS_REQUANTIZE_AVX512_H
#define EK_UKERNELS_REQUANTIZE_AVX512_H

#include <immintrin.h>
#include <stdint.h>

typedef struct ek_requantize_avx512 {
  __m512 low, high;
  __m512i zero_point;
} ek_requantize_avx512;

static inline ek_requantize_avx512 ek_requantize_avx512_load(int32_t zero_point, int32_t min, int32_t max) {
  const ek_requantize_avx512 q = {_mm512_set1_ps((float)(min - zero_point)), _mm512_set1_ps((float)(max - zero_point)),
                                  _mm512_set1_epi32(zero_point)};
  return q;
}

static inline __m128i ek_requantize_16_avx512(const ek_requantize_avx512 *q, __m512i acc, __m512 multiplier) {
  __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), multiplier);
  x = _mm512_min_ps(_mm512_max_ps(x, q->low), q->high);
  return _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(x), q->zero_point));
}

#endif
