#include <immintrin.h>

#include "ukernels/qs8_dwconv/qs8_dwconv.h"
#include "ukernels/requantize_avx512.h"
#include "ukernels/tile.h"

#define EK_MR 2
#define EK_NR 32
#define EK_MAX_TAPS 49 /* whose pointers are computed once for all channel tiles */

/* Pixels past mr repeat the last one. */
#define EK_POINTER(t, m) ek_qs8_dwconv_pointer_avx512(args, args->a_offsets[(t) * EK_MR + ((m) < mr ? (m) : mr - 1)])

EK_TILE_BODY const int8_t *ek_qs8_dwconv_pointer_avx512(const ek_qs8_dwconv_args *args, uint32_t offset) {
  return offset == EK_IGEMM_PAD ? args->zero : args->a + offset;
}

/* Channels 0-7, 16-23, 8-15, 24-31: what interleaving within 128-bit lanes then puts in order. */
EK_TILE_BODY __m256i ek_qs8_dwconv_load_avx512(const int8_t *from, __mmask32 mask) {
  return _mm256_permute4x64_epi64(_mm256_maskz_loadu_epi8(mask, from), 0xD8);
}

/* Two taps of thirty-two channels, w is [32][2]: interleaved to pairs, then one exact multiply-add each sixteen
 * channels. */
EK_TILE_BODY void ek_qs8_dwconv_two_avx512(__m512i acc[2], __m256i a0, __m256i a1, __m512i w0, __m512i w1) {
  const __m512i x0 = _mm512_cvtepi8_epi16(_mm256_unpacklo_epi8(a0, a1));
  const __m512i x1 = _mm512_cvtepi8_epi16(_mm256_unpackhi_epi8(a0, a1));
  acc[0] = _mm512_add_epi32(acc[0], _mm512_madd_epi16(x0, w0));
  acc[1] = _mm512_add_epi32(acc[1], _mm512_madd_epi16(x1, w1));
}

/* Constants: `kept`, whether the pointers of all taps are kept; `pixels` >= mr. Pixels share the weights. */
EK_TILE_BODY void ek_qs8_dwconv_tile_avx512(const int kept, const size_t pixels, size_t mr, size_t channels,
                                            const ek_qs8_dwconv_args *args) {
  const ek_requantize_avx512 q = ek_requantize_avx512_load(args->zero_point, args->min, args->max);
  const int8_t *a[EK_MAX_TAPS][EK_MR];
  const size_t taps = args->taps;
  for (size_t t = 0; kept && t < taps; t++) {
    EK_UNROLL for (size_t m = 0; m < pixels; m++) a[t][m] = EK_POINTER(t, m);
  }
  const int8_t *w = args->w;
  for (size_t n = 0; n < channels; n += EK_NR) {
    const __mmask32 mask = channels - n < EK_NR ? (UINT32_C(1) << (channels - n)) - 1 : UINT32_MAX;
    const int8_t *multiplier = w + EK_NR * 4;
    __m512i acc[EK_MR][2];
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      acc[m][0] = _mm512_loadu_si512(w);
      acc[m][1] = _mm512_loadu_si512(w + 64);
    }
    w += EK_NR * 8;
#define EK_FROM(t, m) ek_qs8_dwconv_load_avx512((kept ? a[t][m] : EK_POINTER(t, m)) + n, mask)
    for (size_t t = 0; t < taps; t += 2) {
      const __m512i w0 = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)w));
      const __m512i w1 = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(w + 32)));
      w += 2 * EK_NR;
      EK_UNROLL for (size_t m = 0; m < pixels; m++) {
        const __m256i a0 = EK_FROM(t, m), a1 = t + 1 < taps ? EK_FROM(t + 1, m) : _mm256_setzero_si256();
        ek_qs8_dwconv_two_avx512(acc[m], a0, a1, w0, w1);
      }
    }
#undef EK_FROM
    if (args->acc) {
      EK_UNROLL for (size_t m = 0; m < pixels; m++) {
        int32_t *to = args->acc + (m < mr ? m : mr - 1) * EK_NR;
        _mm512_storeu_si512(to, acc[m][0]);
        _mm512_storeu_si512(to + 16, acc[m][1]);
      }
      return;
    }
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      const __m128i y0 = ek_requantize_16_avx512(&q, acc[m][0], _mm512_loadu_ps(multiplier));
      const __m128i y1 = ek_requantize_16_avx512(&q, acc[m][1], _mm512_loadu_ps(multiplier + 64));
      _mm256_mask_storeu_epi8(args->c + (m < mr ? m : mr - 1) * args->cm_stride + n, mask, _mm256_set_m128i(y1, y0));
    }
  }
}

void ek_qs8_dwconv_ukernel_2x32__avx512(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  if (args->taps > EK_MAX_TAPS) {
    ek_qs8_dwconv_tile_avx512(0, 2, mr, channels, args);
  } else if (mr > 1) {
    ek_qs8_dwconv_tile_avx512(1, 2, mr, channels, args);
  } else {
    ek_qs8_dwconv_tile_avx512(1, 1, mr, channels, args);
  }
}

#undef EK_MR
#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
