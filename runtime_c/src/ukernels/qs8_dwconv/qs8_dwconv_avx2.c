#include <immintrin.h>

#include "ukernels/qs8_dwconv/qs8_dwconv.h"
#include "ukernels/requantize_avx2.h"
#include "ukernels/tile.h"

#define EK_MR 2
#define EK_NR 16
#define EK_MAX_TAPS 49 /* whose pointers are computed once for all channel tiles */

/* Pixels past mr repeat the last one. */
#define EK_POINTER(t, m) ek_qs8_dwconv_pointer_avx2(args, args->a_offsets[(t) * EK_MR + ((m) < mr ? (m) : mr - 1)])

EK_TILE_BODY const int8_t *ek_qs8_dwconv_pointer_avx2(const ek_qs8_dwconv_args *args, uint32_t offset) {
  return offset == EK_IGEMM_PAD ? args->zero : args->a + offset;
}

EK_TILE_BODY __m128i ek_qs8_dwconv_load_avx2(const int8_t *from) {
  return _mm_loadu_si128((const __m128i *)(const void *)from);
}

/* The first `count` <= 16 elements; the others are zeros and are not read. */
EK_TILE_BODY __m128i ek_qs8_dwconv_load_part_avx2(const int8_t *from, size_t count) {
  if (count >= EK_NR) return ek_qs8_dwconv_load_avx2(from);
  uint64_t low = 0, high = 0;
  uint64_t *part = count & 8 ? &high : &low;
  if (count & 8) __builtin_memcpy(&low, from, 8);
  from += count;
  if (count & 1) {
    from -= 1;
    *part = (uint8_t)*from;
  }
  if (count & 2) {
    uint16_t x;
    from -= 2;
    __builtin_memcpy(&x, from, 2);
    *part = *part << 16 | x;
  }
  if (count & 4) {
    uint32_t x;
    from -= 4;
    __builtin_memcpy(&x, from, 4);
    *part = *part << 32 | x;
  }
  return _mm_set_epi64x((long long)high, (long long)low);
}

/* Two taps of sixteen channels, w is [16][2]: interleaved to pairs, then one exact multiply-add each eight channels. */
EK_TILE_BODY void ek_qs8_dwconv_two_avx2(__m256i acc[2], __m128i a0, __m128i a1, __m256i w0, __m256i w1) {
  const __m256i x0 = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a0, a1));
  const __m256i x1 = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a0, a1));
  acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(x0, w0));
  acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(x1, w1));
}

/* `pixels` is a constant >= mr. Pixels share the weights. `part`, a constant, is set for the last tile when it is not
 * full. */
EK_TILE_BODY void ek_qs8_dwconv_channels_avx2(const int part, const size_t pixels, size_t mr, size_t n, size_t count,
                                              const int8_t *w, const int8_t *const (*a)[EK_MR],
                                              const ek_qs8_dwconv_args *args) {
  const ek_requantize_avx2 q = ek_requantize_avx2_load(args->zero_point, args->min, args->max);
  const __m256i *bias = (const __m256i *)(const void *)w;
  const float *multiplier = (const float *)(const void *)(w + EK_NR * 4);
  const size_t taps = args->taps;
  __m256i acc[EK_MR][2];
  EK_UNROLL for (size_t m = 0; m < pixels; m++) {
    acc[m][0] = _mm256_loadu_si256(bias);
    acc[m][1] = _mm256_loadu_si256(bias + 1);
  }
  w += EK_NR * 8;
#define EK_FROM(t, m) ek_qs8_dwconv_load_part_avx2((a ? a[t][m] : EK_POINTER(t, m)) + n, part ? count : EK_NR)
  for (size_t t = 0; t < taps; t += 2) {
    const __m256i w0 = _mm256_cvtepi8_epi16(ek_qs8_dwconv_load_avx2(w));
    const __m256i w1 = _mm256_cvtepi8_epi16(ek_qs8_dwconv_load_avx2(w + 16));
    w += 2 * EK_NR;
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      const __m128i a0 = EK_FROM(t, m), a1 = t + 1 < taps ? EK_FROM(t + 1, m) : _mm_setzero_si128();
      ek_qs8_dwconv_two_avx2(acc[m], a0, a1, w0, w1);
    }
  }
#undef EK_FROM
  if (args->acc) {
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      __m256i *to = (__m256i *)(void *)(args->acc + (m < mr ? m : mr - 1) * EK_NR);
      _mm256_storeu_si256(to, acc[m][0]);
      _mm256_storeu_si256(to + 1, acc[m][1]);
    }
    return;
  }
  EK_UNROLL for (size_t m = 0; m < pixels; m++) {
    ek_store_int8_avx2(
        args->c + (m < mr ? m : mr - 1) * args->cm_stride + n, part ? count : EK_NR,
        ek_requantize_16_avx2(&q, acc[m][0], acc[m][1], _mm256_loadu_ps(multiplier), _mm256_loadu_ps(multiplier + 8)));
  }
}

EK_TILE_BODY void ek_qs8_dwconv_tile_avx2(const size_t pixels, size_t mr, size_t channels,
                                          const ek_qs8_dwconv_args *args) {
  const int8_t *a[EK_MAX_TAPS][EK_MR];
  const size_t taps = args->taps, cached = taps <= EK_MAX_TAPS ? taps : 0;
  for (size_t t = 0; t < cached; t++) {
    EK_UNROLL for (size_t m = 0; m < pixels; m++) a[t][m] = EK_POINTER(t, m);
  }
  const int8_t *w = args->w;
  const size_t tile = EK_NR * (8 + (taps + 1) / 2 * 2);
  size_t n = 0;
  for (; n + EK_NR <= channels; n += EK_NR, w += tile) {
    if (cached) {
      ek_qs8_dwconv_channels_avx2(0, pixels, mr, n, EK_NR, w, (const int8_t *const(*)[EK_MR])a, args);
    } else {
      ek_qs8_dwconv_channels_avx2(1, pixels, mr, n, EK_NR, w, NULL, args);
    }
  }
  if (n < channels) ek_qs8_dwconv_channels_avx2(1, pixels, mr, n, channels - n, w, NULL, args);
}

void ek_qs8_dwconv_ukernel_2x16__avx2(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  if (mr > 1) {
    ek_qs8_dwconv_tile_avx2(2, mr, channels, args);
  } else {
    ek_qs8_dwconv_tile_avx2(1, mr, channels, args);
  }
}

#undef EK_MR
#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
