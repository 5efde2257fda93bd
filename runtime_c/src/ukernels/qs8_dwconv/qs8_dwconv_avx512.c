#include <immintrin.h>

#include "ukernels/qs8_dwconv/qs8_dwconv.h"
#include "ukernels/requantize_avx512.h"
#include "ukernels/tile.h"

#define EK_NR 32
#define EK_MAX_TAPS 25

#define EK_POINTER(t) ek_qs8_dwconv_pointer_avx512(args, args->a_offsets[t])

EK_TILE_BODY const int8_t *ek_qs8_dwconv_pointer_avx512(const ek_qs8_dwconv_args *args, uint32_t offset) {
  return offset == EK_IGEMM_PAD ? args->zero : args->a + offset;
}

/* Channels 0-7, 16-23, 8-15, 24-31: what interleaving within 128-bit lanes then puts in order. */
EK_TILE_BODY __m256i ek_qs8_dwconv_load_avx512(const int8_t *from, __mmask32 mask) {
  return _mm256_permute4x64_epi64(_mm256_maskz_loadu_epi8(mask, from), 0xD8);
}

/* Two taps of thirty-two channels, w is [32][2]: interleaved to pairs, then one exact multiply-add each sixteen
 * channels. */
EK_TILE_BODY void ek_qs8_dwconv_two_avx512(__m512i *acc0, __m512i *acc1, __m256i a0, __m256i a1, const int8_t *w) {
  const __m512i x0 = _mm512_cvtepi8_epi16(_mm256_unpacklo_epi8(a0, a1));
  const __m512i x1 = _mm512_cvtepi8_epi16(_mm256_unpackhi_epi8(a0, a1));
  const __m512i w0 = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)w));
  const __m512i w1 = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(w + 32)));
  *acc0 = _mm512_add_epi32(*acc0, _mm512_madd_epi16(x0, w0));
  *acc1 = _mm512_add_epi32(*acc1, _mm512_madd_epi16(x1, w1));
}

/* `fixed` is the constant number of taps, 0 for any. With fixed taps the pointers are computed once and the loop
 * unrolled. */
EK_TILE_BODY void ek_qs8_dwconv_tile_avx512(const size_t fixed, size_t channels, const ek_qs8_dwconv_args *args) {
  const size_t taps = fixed ? fixed : args->taps;
  const ek_requantize_avx512 q = ek_requantize_avx512_load(args->zero_point, args->min, args->max);
  const int8_t *a[EK_MAX_TAPS];
  EK_UNROLL for (size_t t = 0; t < fixed; t++) a[t] = EK_POINTER(t);
  const int8_t *w = args->w;
  int8_t *c = args->c;
  for (size_t n = 0; n < channels; n += EK_NR) {
    const __mmask32 mask = channels - n < EK_NR ? (UINT32_C(1) << (channels - n)) - 1 : UINT32_MAX;
    const int8_t *multiplier = w + EK_NR * 4;
    __m512i acc0 = _mm512_loadu_si512(w), acc1 = _mm512_loadu_si512(w + 64);
    w += EK_NR * 8;
#define EK_FROM(t) ek_qs8_dwconv_load_avx512((fixed ? a[t] : EK_POINTER(t)) + n, mask)
    if (fixed) {
      EK_UNROLL for (size_t t = 0; t < fixed / 2; t++) {
        ek_qs8_dwconv_two_avx512(&acc0, &acc1, EK_FROM(2 * t), EK_FROM(2 * t + 1), w);
        w += 2 * EK_NR;
      }
    } else {
      for (size_t t = 0; t + 2 <= taps; t += 2) {
        ek_qs8_dwconv_two_avx512(&acc0, &acc1, EK_FROM(t), EK_FROM(t + 1), w);
        w += 2 * EK_NR;
      }
    }
    if (taps % 2) {
      ek_qs8_dwconv_two_avx512(&acc0, &acc1, EK_FROM(taps - 1), _mm256_setzero_si256(), w);
      w += 2 * EK_NR;
    }
#undef EK_FROM
    const __m128i y0 = ek_requantize_16_avx512(&q, acc0, _mm512_loadu_ps(multiplier));
    const __m128i y1 = ek_requantize_16_avx512(&q, acc1, _mm512_loadu_ps(multiplier + 64));
    _mm256_mask_storeu_epi8(c + n, mask, _mm256_set_m128i(y1, y0));
  }
}

void ek_qs8_dwconv_ukernel_1x32__avx512(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr; /* always 1, here and below */
  ek_qs8_dwconv_tile_avx512(0, channels, args);
}

void ek_qs8_dwconv_ukernel_1x32p9__avx512(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr;
  ek_qs8_dwconv_tile_avx512(9, channels, args);
}

void ek_qs8_dwconv_ukernel_1x32p25__avx512(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr;
  ek_qs8_dwconv_tile_avx512(25, channels, args);
}

#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
