/* The AVX-512 body of f32_igemm and f32_qc8w_igemm: the same arithmetic, weights stored as float or as int8. With int8
 * (qc8w, a constant) the sum is scaled by column and then biased; a tile then starts with NR biases and NR scales. */
#ifndef EK_UKERNELS_F32_IGEMM_BODY_AVX512_H
#define EK_UKERNELS_F32_IGEMM_BODY_AVX512_H

#include <immintrin.h>

#include "ukernels/f32_igemm/f32_igemm.h"
#include "ukernels/tile.h"

/* 7 divides the image sizes of classification networks (7, 14, 28, 56, 112 squared): no remainder rows there. */
#define EK_MR 7

EK_TILE_BODY __m512 ek_f32_igemm_weights_avx512(const int qc8w, const char *w, size_t column) {
  if (qc8w) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(w + column))));
  }
  return _mm512_loadu_ps((const float *)(const void *)w + column);
}

#define EK_ROW(r) (a_offsets[(r) < mr ? (r) : mr - 1])
#define EK_POINTER(offset) ((offset) == EK_IGEMM_PAD ? args->zero : args->a + (offset))

/* `rows` is a constant >= mr; the rows past mr repeat the last one. A tile that needs only its first 16 columns skips
 * the arithmetic of the others. */
EK_TILE_BODY void ek_f32_igemm_columns_avx512(const int qc8w, const size_t rows, const int wide, size_t mr, size_t nc,
                                              const char *w, float *c, const ek_f32_igemm_args *args) {
  const size_t kc = args->kc;
  const float *head = (const float *)(const void *)w;
  __m512 acc0[EK_MR], acc1[EK_MR];
  EK_UNROLL for (size_t r = 0; r < rows; r++) {
    acc0[r] = qc8w ? _mm512_setzero_ps() : _mm512_loadu_ps(head);
    acc1[r] = qc8w ? _mm512_setzero_ps() : _mm512_loadu_ps(head + 16);
  }
  w += qc8w ? 256 : 128;
  const uint32_t *a_offsets = args->a_offsets;
  for (size_t t = args->ks; t != 0; t--) {
    const float *a[EK_MR];
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      const uint32_t offset = EK_ROW(r);
      a[r] = EK_POINTER(offset);
    }
    a_offsets += EK_MR;
    for (size_t k = 0; k < kc; k++) {
      const __m512 b0 = ek_f32_igemm_weights_avx512(qc8w, w, 0), b1 = ek_f32_igemm_weights_avx512(qc8w, w, 16);
      w += qc8w ? 32 : 128;
      EK_UNROLL for (size_t r = 0; r < rows; r++) {
        const __m512 va = _mm512_set1_ps(a[r][k]);
        acc0[r] = _mm512_fmadd_ps(va, b0, acc0[r]);
        if (wide) acc1[r] = _mm512_fmadd_ps(va, b1, acc1[r]);
      }
    }
  }
  const __m512 low = _mm512_set1_ps(args->min), high = _mm512_set1_ps(args->max);
  const uint32_t mask = nc >= 32 ? UINT32_MAX : (UINT32_C(1) << nc) - 1;
  EK_UNROLL for (size_t r = 0; r < rows; r++) {
    float *row = c + (r < mr ? r : mr - 1) * args->cm_stride;
    if (qc8w) acc0[r] = _mm512_fmadd_ps(acc0[r], _mm512_loadu_ps(head + 32), _mm512_loadu_ps(head));
    acc0[r] = _mm512_min_ps(_mm512_max_ps(acc0[r], low), high);
    _mm512_mask_storeu_ps(row, (__mmask16)mask, acc0[r]);
    if (wide) {
      if (qc8w) acc1[r] = _mm512_fmadd_ps(acc1[r], _mm512_loadu_ps(head + 48), _mm512_loadu_ps(head + 16));
      acc1[r] = _mm512_min_ps(_mm512_max_ps(acc1[r], low), high);
      _mm512_mask_storeu_ps(row + 16, (__mmask16)(mask >> 16), acc1[r]);
    }
  }
}

EK_TILE_BODY void ek_f32_igemm_tile_avx512(const int qc8w, const size_t rows, size_t mr, size_t nc,
                                           const ek_f32_igemm_args *args) {
  const char *w = args->w;
  float *c = args->c;
  const size_t tile = 32 * (qc8w ? 8 + args->ks * args->kc : 4 * (1 + args->ks * args->kc));
  for (; nc > 16; nc -= 32) {
    ek_f32_igemm_columns_avx512(qc8w, rows, 1, mr, nc, w, c, args);
    if (nc <= 32) return;
    w += tile;
    c += args->cn_stride;
  }
  ek_f32_igemm_columns_avx512(qc8w, rows, 0, mr, nc, w, c, args);
}

#undef EK_MR
#undef EK_ROW
#undef EK_POINTER

#endif
