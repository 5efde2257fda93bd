#include <immintrin.h>

#include "ukernels/qs8_dwconv/qs8_dwconv.h"
#include "ukernels/requantize_avx2.h"
#include "ukernels/tile.h"

#define EK_NR 16
#define EK_MAX_TAPS 25

#define EK_POINTER(t) ek_qs8_dwconv_pointer_avx2(args, args->a_offsets[t])

EK_TILE_BODY const int8_t *ek_qs8_dwconv_pointer_avx2(const ek_qs8_dwconv_args *args, uint32_t offset) {
  return offset == EK_IGEMM_PAD ? args->zero : args->a + offset;
}

EK_TILE_BODY __m128i ek_qs8_dwconv_load_avx2(const int8_t *from) {
  return _mm_loadu_si128((const __m128i *)(const void *)from);
}

/* The first `count` < 16 elements; the others are zeros and are not read. */
EK_TILE_BODY __m128i ek_qs8_dwconv_load_part_avx2(const int8_t *from, size_t count) {
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
EK_TILE_BODY void ek_qs8_dwconv_two_avx2(__m256i *acc0, __m256i *acc1, __m128i a0, __m128i a1, const int8_t *w) {
  const __m256i x0 = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a0, a1));
  const __m256i x1 = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a0, a1));
  const __m256i w0 = _mm256_cvtepi8_epi16(ek_qs8_dwconv_load_avx2(w));
  const __m256i w1 = _mm256_cvtepi8_epi16(ek_qs8_dwconv_load_avx2(w + 16));
  *acc0 = _mm256_add_epi32(*acc0, _mm256_madd_epi16(x0, w0));
  *acc1 = _mm256_add_epi32(*acc1, _mm256_madd_epi16(x1, w1));
}

/* `fixed` is the constant number of taps, 0 for any. With fixed taps the pointers are computed once and the loop
 * unrolled. */
EK_TILE_BODY void ek_qs8_dwconv_tile_avx2(const size_t fixed, size_t channels, const ek_qs8_dwconv_args *args) {
  const size_t taps = fixed ? fixed : args->taps;
  const ek_requantize_avx2 q = ek_requantize_avx2_load(args->zero_point, args->min, args->max);
  const int8_t *a[EK_MAX_TAPS];
  EK_UNROLL for (size_t t = 0; t < fixed; t++) a[t] = EK_POINTER(t);
  const int8_t *w = args->w;
  int8_t *c = args->c;

#define EK_FROM(t)                                                                                                     \
  (count >= EK_NR ? ek_qs8_dwconv_load_avx2((fixed ? a[t] : EK_POINTER(t)) + n)                                        \
                  : ek_qs8_dwconv_load_part_avx2(EK_POINTER(t) + n, count))
#define EK_TILE(unroll, last)                                                                                          \
  do {                                                                                                                 \
    const __m256i *bias = (const __m256i *)(const void *)w;                                                            \
    const float *multiplier = (const float *)(const void *)(w + EK_NR * 4);                                            \
    __m256i acc0 = _mm256_loadu_si256(bias), acc1 = _mm256_loadu_si256(bias + 1);                                      \
    w += EK_NR * 8;                                                                                                    \
    unroll for (size_t t = 0; t < last / 2; t++) {                                                                     \
      ek_qs8_dwconv_two_avx2(&acc0, &acc1, EK_FROM(2 * t), EK_FROM(2 * t + 1), w);                                     \
      w += 2 * EK_NR;                                                                                                  \
    }                                                                                                                  \
    if (last % 2) {                                                                                                    \
      ek_qs8_dwconv_two_avx2(&acc0, &acc1, EK_FROM(last - 1), _mm_setzero_si128(), w);                                 \
      w += 2 * EK_NR;                                                                                                  \
    }                                                                                                                  \
    ek_store_int8_avx2(                                                                                                \
        c + n, count,                                                                                                  \
        ek_requantize_16_avx2(&q, acc0, acc1, _mm256_loadu_ps(multiplier), _mm256_loadu_ps(multiplier + 8)));          \
  } while (0)

  size_t n = 0;
  for (; n + EK_NR <= channels; n += EK_NR) {
    const size_t count = EK_NR;
    if (fixed) {
      EK_TILE(EK_UNROLL, fixed);
    } else {
      EK_TILE(, taps);
    }
  }
  if (n < channels) {
    const size_t count = channels - n;
    EK_TILE(, args->taps); /* not unrolled, to stay small */
  }
#undef EK_FROM
#undef EK_TILE
}

void ek_qs8_dwconv_ukernel_1x16__avx2(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr; /* always 1, here and below */
  ek_qs8_dwconv_tile_avx2(0, channels, args);
}

void ek_qs8_dwconv_ukernel_1x16p9__avx2(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr;
  ek_qs8_dwconv_tile_avx2(9, channels, args);
}

void ek_qs8_dwconv_ukernel_1x16p25__avx2(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr;
  ek_qs8_dwconv_tile_avx2(25, channels, args);
}

#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
