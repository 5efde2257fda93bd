#include <immintrin.h>

#include "ukernels/s32_vfixed/s32_vfixed.h"

/* Two to the 31st part of the products of the even lanes, in the low halves (odd lanes: see the caller). */
static inline __m256i ek_s32_vfixed_high_avx2(__m256i a, __m256i b) {
  return _mm256_add_epi64(_mm256_mul_epi32(a, b), _mm256_set1_epi64x(1 << 30));
}

void ek_s32_vfixed_ukernel_x8__avx2(size_t n, const int32_t *acc, const int32_t *multiplier, const int32_t *shift,
                                    int8_t *y, const ek_s32_vfixed_params *params) {
  const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
  const __m256i away = _mm256_set1_epi32(params->away ? -1 : 0);
  const __m256i low = _mm256_set1_epi32(params->min - params->zero_point);
  const __m256i high = _mm256_set1_epi32(params->max - params->zero_point);
  const __m256i zero_point = _mm256_set1_epi32(params->zero_point);
  for (size_t i = 0; i < n; i += 8) {
    const __m256i s = _mm256_loadu_si256((const __m256i *)(const void *)(shift + i));
    const __m256i left = _mm256_max_epi32(s, zero), right = _mm256_max_epi32(_mm256_sub_epi32(zero, s), zero);
    const __m256i q = _mm256_loadu_si256((const __m256i *)(const void *)(multiplier + i));
    const __m256i a = _mm256_sllv_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(acc + i)), left);
    const __m256i even = ek_s32_vfixed_high_avx2(a, q);
    const __m256i odd = ek_s32_vfixed_high_avx2(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(q, 32));
    /* Bits 31 to 62 are the result. */
    const __m256i t = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
    /* Round by what is shifted out: up from half on; for ties of negative numbers that go away, from above half on. */
    const __m256i mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, right), one);
    const __m256i rest = _mm256_and_si256(t, mask);
    const __m256i negative = _mm256_and_si256(_mm256_srai_epi32(t, 31), away);
    const __m256i limit = _mm256_sub_epi32(_mm256_srli_epi32(mask, 1), negative);
    __m256i u = _mm256_sub_epi32(_mm256_srav_epi32(t, right), _mm256_cmpgt_epi32(rest, limit));
    u = _mm256_add_epi32(_mm256_min_epi32(_mm256_max_epi32(u, low), high), zero_point);
    const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(u), _mm256_extracti128_si256(u, 1));
    const long long bytes = _mm_cvtsi128_si64(_mm_packs_epi16(halves, halves));
    __builtin_memcpy(y + i, &bytes, n - i < 8 ? n - i : 8);
  }
}
