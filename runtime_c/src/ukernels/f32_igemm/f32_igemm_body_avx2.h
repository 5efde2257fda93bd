/* The AVX2 body of f32_igemm and f32_qc8w_igemm: the same arithmetic, weights stored as float or as int8. With int8
 * (qc8w, a constant) the sum is scaled by column and then biased; a tile then starts with NR biases and NR scales. */
#ifndef EK_UKERNELS_F32_IGEMM_BODY_AVX2_H
#define EK_UKERNELS_F32_IGEMM_BODY_AVX2_H

#include <immintrin.h>

#include "ukernels/f32_igemm/f32_igemm.h"
#include "ukernels/tile.h"

#define EK_MR 6

EK_TILE_BODY __m256 ek_f32_igemm_weights_avx2(const int qc8w, const char *w, size_t column) {
  if (qc8w) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(w + column))));
  }
  return _mm256_loadu_ps((const float *)(const void *)w + column);
}

#define EK_ROW(r) (a_offsets[(r) < mr ? (r) : mr - 1])
#define EK_POINTER(offset) ((offset) == EK_IGEMM_PAD ? args->zero : args->a + (offset))

EK_TILE_BODY void ek_f32_igemm_store_avx2(float *c, size_t columns, __m256 x0, __m256 x1) {
  if (columns >= 16) {
    _mm256_storeu_ps(c, x0);
    _mm256_storeu_ps(c + 8, x1);
    return;
  }
  if (columns & 8) {
    _mm256_storeu_ps(c, x0);
    x0 = x1;
    c += 8;
  }
  __m128 x = _mm256_castps256_ps128(x0);
  if (columns & 4) {
    _mm_storeu_ps(c, x);
    x = _mm256_extractf128_ps(x0, 1);
    c += 4;
  }
  if (columns & 2) {
    _mm_storel_pi((__m64 *)(void *)c, x);
    x = _mm_movehl_ps(x, x);
    c += 2;
  }
  if (columns & 1) _mm_store_ss(c, x);
}

/* `rows` is a constant >= mr; the rows past mr repeat the last one. */
EK_TILE_BODY void ek_f32_igemm_tile_avx2(const int qc8w, const size_t rows, size_t mr, size_t nc,
                                         const ek_f32_igemm_args *args) {
  const char *w = args->w;
  const size_t kc = args->kc;
  const __m256 low = _mm256_set1_ps(args->min), high = _mm256_set1_ps(args->max);
  float *c = args->c;
  for (;;) {
    const float *head = (const float *)(const void *)w;
    __m256 acc0[EK_MR], acc1[EK_MR];
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      acc0[r] = qc8w ? _mm256_setzero_ps() : _mm256_loadu_ps(head);
      acc1[r] = qc8w ? _mm256_setzero_ps() : _mm256_loadu_ps(head + 8);
    }
    w += qc8w ? 128 : 64;
    const uint32_t *a_offsets = args->a_offsets;
    for (size_t t = args->ks; t != 0; t--) {
      const float *a[EK_MR];
      EK_UNROLL for (size_t r = 0; r < rows; r++) {
        const uint32_t offset = EK_ROW(r);
        a[r] = EK_POINTER(offset);
      }
      a_offsets += EK_MR;
      for (size_t k = 0; k < kc; k++) {
        const __m256 b0 = ek_f32_igemm_weights_avx2(qc8w, w, 0), b1 = ek_f32_igemm_weights_avx2(qc8w, w, 8);
        w += qc8w ? 16 : 64;
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          const __m256 va = _mm256_broadcast_ss(a[r] + k);
          acc0[r] = _mm256_fmadd_ps(va, b0, acc0[r]);
          acc1[r] = _mm256_fmadd_ps(va, b1, acc1[r]);
        }
      }
    }
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      if (qc8w) {
        acc0[r] = _mm256_fmadd_ps(acc0[r], _mm256_loadu_ps(head + 16), _mm256_loadu_ps(head));
        acc1[r] = _mm256_fmadd_ps(acc1[r], _mm256_loadu_ps(head + 24), _mm256_loadu_ps(head + 8));
      }
      acc0[r] = _mm256_min_ps(_mm256_max_ps(acc0[r], low), high);
      acc1[r] = _mm256_min_ps(_mm256_max_ps(acc1[r], low), high);
      ek_f32_igemm_store_avx2(c + (r < mr ? r : mr - 1) * args->cm_stride, nc, acc0[r], acc1[r]);
    }
    if (nc <= 16) return;
    nc -= 16;
    c += args->cn_stride;
  }
}

#undef EK_MR
#undef EK_ROW
#undef EK_POINTER

#endif
