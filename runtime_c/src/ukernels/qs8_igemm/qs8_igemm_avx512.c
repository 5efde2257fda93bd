#include <immintrin.h>

#include "ukernels/qs8_igemm/qs8_igemm.h"
#include "ukernels/requantize_avx512.h"
#include "ukernels/tile.h"

#define EK_MR 7

#define EK_ROW(r) (a_offsets[(r) < mr ? (r) : mr - 1])
#define EK_POINTER(offset) ((offset) == EK_IGEMM_PAD ? args->zero : args->a + (offset))

/* One pair of channels of thirty-two columns, w is [32][2], widened to 16 bits. */
#define EK_WEIGHTS(pair)                                                                                         \
  const __m512i b0 = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(w + (pair) * 64))); \
  const __m512i b1 = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(w + (pair) * 64 + 32)))
#define EK_MADD(r, x)                                              \
  do {                                                             \
    acc0[r] = _mm512_add_epi32(acc0[r], _mm512_madd_epi16(b0, x)); \
    acc1[r] = _mm512_add_epi32(acc1[r], _mm512_madd_epi16(b1, x)); \
  } while (0)
#define EK_STEP(pair)                                                                \
  do {                                                                               \
    EK_WEIGHTS(pair);                                                                \
    EK_UNROLL for (size_t r = 0; r < rows; r++) {                                    \
      const __m512i x = _mm512_shuffle_epi32(va[r], (_MM_PERM_ENUM)((pair) * 0x55)); \
      EK_MADD(r, x);                                                                 \
    }                                                                                \
  } while (0)

/* `rows` is a constant >= mr; the rows past mr repeat the last one. */
EK_TILE_BODY void ek_qs8_igemm_tile_avx512(const size_t rows, size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  const int8_t *w = args->w;
  const size_t kc = args->kc;
  int8_t *c = args->c;
  for (;;) {
    const int8_t *bias = w;
    const float *multiplier = (const float *)(const void *)(w + 128);
    __m512i acc0[EK_MR], acc1[EK_MR];
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      acc0[r] = _mm512_loadu_si512(bias);
      acc1[r] = _mm512_loadu_si512(bias + 64);
    }
    w += 256;
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
        __m512i va[EK_MR]; /* four pairs, the same in every lane */
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          long long x;
          __builtin_memcpy(&x, a[r], 8);
          va[r] = _mm512_cvtepi8_epi16(_mm256_set1_epi64x(x));
          a[r] += 8;
        }
        EK_STEP(0);
        EK_STEP(1);
        EK_STEP(2);
        EK_STEP(3);
        w += 256;
      }
      for (; k >= 2; k -= 2) {
        EK_WEIGHTS(0);
        w += 64;
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          const __m512i x = _mm512_set1_epi32((a[r][0] & 0xFFFF) | (int)((uint32_t)a[r][1] << 16));
          EK_MADD(r, x);
          a[r] += 2;
        }
      }
      if (k != 0) {
        EK_WEIGHTS(0);
        w += 64;
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          const __m512i x = _mm512_set1_epi32(a[r][0] & 0xFFFF);
          EK_MADD(r, x);
        }
      }
    }
    if (args->acc) {
      EK_UNROLL for (size_t r = 0; r < rows; r++) {
        int32_t *to = args->acc + (r < mr ? r : mr - 1) * 32;
        _mm512_storeu_si512(to, acc0[r]);
        _mm512_storeu_si512(to + 16, acc1[r]);
      }
      return;
    }
    const ek_requantize_avx512 q = ek_requantize_avx512_load(args->zero_point, args->min, args->max);
    const __m512 multiplier0 = _mm512_loadu_ps(multiplier), multiplier1 = _mm512_loadu_ps(multiplier + 16);
    const uint32_t mask = nc >= 32 ? UINT32_MAX : (UINT32_C(1) << nc) - 1;
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      int8_t *row = c + (r < mr ? r : mr - 1) * args->cm_stride;
      _mm_mask_storeu_epi8(row, (__mmask16)mask, ek_requantize_16_avx512(&q, acc0[r], multiplier0));
      _mm_mask_storeu_epi8(row + 16, (__mmask16)(mask >> 16), ek_requantize_16_avx512(&q, acc1[r], multiplier1));
    }
    if (nc <= 32) return;
    nc -= 32;
    c += args->cn_stride;
  }
}

void ek_qs8_igemm_ukernel_7x32c2__avx512(size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  if (mr > 4) {
    ek_qs8_igemm_tile_avx512(7, mr, nc, args);
  } else if (mr > 1) {
    ek_qs8_igemm_tile_avx512(4, mr, nc, args);
  } else {
    ek_qs8_igemm_tile_avx512(1, mr, nc, args);
  }
}

#undef EK_MR
#undef EK_ROW
#undef EK_POINTER
#undef EK_WEIGHTS
#undef EK_MADD
#undef EK_STEP
