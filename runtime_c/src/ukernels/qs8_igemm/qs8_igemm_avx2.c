#include <immintrin.h>

#include "ukernels/qs8_igemm/qs8_igemm.h"
#include "ukernels/requantize_avx2.h"
#include "ukernels/tile.h"

#define EK_MR 4

#define EK_ROW(r) (a_offsets[(r) < mr ? (r) : mr - 1])
#define EK_POINTER(offset) ((offset) == EK_IGEMM_PAD ? args->zero : args->a + (offset))

/* One pair of channels of sixteen columns, w is [16][2], widened to 16 bits: vpmaddwd is exact, vpmaddubsw would
 * saturate. */
#define EK_WEIGHTS(pair)                                                                                      \
  const __m256i b0 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(w + (pair) * 32))); \
  const __m256i b1 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(w + (pair) * 32 + 16)))
#define EK_MADD(r, x)                                              \
  do {                                                             \
    acc0[r] = _mm256_add_epi32(acc0[r], _mm256_madd_epi16(b0, x)); \
    acc1[r] = _mm256_add_epi32(acc1[r], _mm256_madd_epi16(b1, x)); \
  } while (0)
#define EK_STEP(pair)                                               \
  do {                                                              \
    EK_WEIGHTS(pair);                                               \
    EK_UNROLL for (size_t r = 0; r < rows; r++) {                   \
      const __m256i x = _mm256_shuffle_epi32(va[r], (pair) * 0x55); \
      EK_MADD(r, x);                                                \
    }                                                               \
  } while (0)

/* `rows` is a constant >= mr; the rows past mr repeat the last one. */
EK_TILE_BODY void ek_qs8_igemm_tile_avx2(const size_t rows, size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  const int8_t *w = args->w;
  const size_t kc = args->kc;
  int8_t *c = args->c;
  for (;;) {
    const __m256i *bias = (const __m256i *)(const void *)w;
    const float *multiplier = (const float *)(const void *)(w + 64);
    __m256i acc0[EK_MR], acc1[EK_MR];
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      acc0[r] = _mm256_loadu_si256(bias);
      acc1[r] = _mm256_loadu_si256(bias + 1);
    }
    w += 128;
    const uint32_t *a_offsets = args->a_offsets;
    for (size_t t = args->ks; t != 0; t--) {
      const int8_t *a[EK_MR];
      EK_UNROLL for (size_t r = 0; r < rows; r++) {
        const uint32_t offset = EK_ROW(r);
        a[r] = EK_POINTER(offset);
      }
      a_offsets += EK_MR;
      size_t k = kc;
      for (; k >= 8; k -= 8) {
        __m256i va[EK_MR]; /* four pairs, the same in both lanes */
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          long long x;
          __builtin_memcpy(&x, a[r], 8);
          va[r] = _mm256_cvtepi8_epi16(_mm_set1_epi64x(x));
          a[r] += 8;
        }
        EK_STEP(0);
        EK_STEP(1);
        EK_STEP(2);
        EK_STEP(3);
        w += 128;
      }
      for (; k >= 2; k -= 2) {
        EK_WEIGHTS(0);
        w += 32;
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          const __m256i x = _mm256_set1_epi32((a[r][0] & 0xFFFF) | (int)((uint32_t)a[r][1] << 16));
          EK_MADD(r, x);
          a[r] += 2;
        }
      }
      if (k != 0) {
        EK_WEIGHTS(0);
        w += 32;
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          const __m256i x = _mm256_set1_epi32(a[r][0] & 0xFFFF);
          EK_MADD(r, x);
        }
      }
    }
    if (args->acc) {
      EK_UNROLL for (size_t r = 0; r < rows; r++) {
        __m256i *to = (__m256i *)(void *)(args->acc + (r < mr ? r : mr - 1) * 16);
        _mm256_storeu_si256(to, acc0[r]);
        _mm256_storeu_si256(to + 1, acc1[r]);
      }
      return;
    }
    const ek_requantize_avx2 q = ek_requantize_avx2_load(args->zero_point, args->min, args->max);
    const __m256 multiplier0 = _mm256_loadu_ps(multiplier), multiplier1 = _mm256_loadu_ps(multiplier + 8);
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      ek_store_int8_avx2(c + (r < mr ? r : mr - 1) * args->cm_stride, nc,
                         ek_requantize_16_avx2(&q, acc0[r], acc1[r], multiplier0, multiplier1));
    }
    if (nc <= 16) return;
    nc -= 16;
    c += args->cn_stride;
  }
}

void ek_qs8_igemm_ukernel_4x16c2__avx2(size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  if (mr > 2) {
    ek_qs8_igemm_tile_avx2(4, mr, nc, args);
  } else if (mr > 1) {
    ek_qs8_igemm_tile_avx2(2, mr, nc, args);
  } else {
    ek_qs8_igemm_tile_avx2(1, mr, nc, args);
  }
}

#undef EK_MR
#undef EK_ROW
#undef EK_POINTER
#undef EK_WEIGHTS
#undef EK_MADD
#undef EK_STEP
