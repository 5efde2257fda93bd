/* base/requantize.h for AVX2: sixteen accumulators to sixteen int8. Also the stores of a partial vector. */
#ifndef EK_UKERNELS_REQUANTIZE_AVX2_H
#define EK_UKERNELS_REQUANTIZE_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ek_requantize_avx2 {
  __m256 low, high;
  __m256i zero_point; /* 16 bits */
} ek_requantize_avx2;

static inline ek_requantize_avx2 ek_requantize_avx2_load(int32_t zero_point, int32_t min, int32_t max) {
  const ek_requantize_avx2 q = {_mm256_set1_ps((float)(min - zero_point)), _mm256_set1_ps((float)(max - zero_point)),
                                _mm256_set1_epi16((int16_t)zero_point)};
  return q;
}

static inline __m128i ek_requantize_16_avx2(const ek_requantize_avx2 *q, __m256i acc0, __m256i acc1, __m256 multiplier0,
                                            __m256 multiplier1) {
  __m256 x0 = _mm256_mul_ps(_mm256_cvtepi32_ps(acc0), multiplier0);
  __m256 x1 = _mm256_mul_ps(_mm256_cvtepi32_ps(acc1), multiplier1);
  x0 = _mm256_min_ps(_mm256_max_ps(x0, q->low), q->high);
  x1 = _mm256_min_ps(_mm256_max_ps(x1, q->low), q->high);
  /* The pack interleaves 128-bit lanes; the permutation puts the columns back in order. */
  __m256i x = _mm256_packs_epi32(_mm256_cvtps_epi32(x0), _mm256_cvtps_epi32(x1));
  x = _mm256_add_epi16(_mm256_permute4x64_epi64(x, 0xD8), q->zero_point);
  return _mm_packs_epi16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}

/* Stores the first `count` (any number, 16 at most are stored) of sixteen int8. */
static inline void ek_store_int8_avx2(int8_t *to, size_t count, __m128i x) {
  if (count >= 16) {
    _mm_storeu_si128((__m128i *)(void *)to, x);
    return;
  }
  if (count & 8) {
    _mm_storel_epi64((__m128i *)(void *)to, x);
    x = _mm_unpackhi_epi64(x, x);
    to += 8;
  }
  uint32_t bits = (uint32_t)_mm_cvtsi128_si32(x);
  if (count & 4) {
    __builtin_memcpy(to, &bits, 4);
    bits = (uint32_t)_mm_extract_epi32(x, 1);
    to += 4;
  }
  if (count & 2) {
    __builtin_memcpy(to, &bits, 2);
    bits >>= 16;
    to += 2;
  }
  if (count & 1) __builtin_memcpy(to, &bits, 1);
}

#endif
