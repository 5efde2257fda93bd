#include <immintrin.h>

#include "ukernels/f32_dwconv/f32_dwconv.h"
#include "ukernels/tile.h"

#define EK_NR 16
#define EK_MAX_TAPS 25

#define EK_POINTER(t) ek_f32_dwconv_pointer_avx2(args, args->a_offsets[t])

EK_TILE_BODY const float *ek_f32_dwconv_pointer_avx2(const ek_f32_dwconv_args *args, uint32_t offset) {
  return offset == EK_IGEMM_PAD ? args->zero : args->a + offset;
}

/* `fixed` is the constant number of taps, 0 for any. With fixed taps the pointers are computed once and the loop
 * unrolled. */
EK_TILE_BODY void ek_f32_dwconv_tile_avx2(const size_t fixed, size_t channels, const ek_f32_dwconv_args *args) {
  const size_t taps = fixed ? fixed : args->taps;
  const __m256 low = _mm256_set1_ps(args->min), high = _mm256_set1_ps(args->max);
  const float *a[EK_MAX_TAPS];
  EK_UNROLL for (size_t t = 0; t < fixed; t++) a[t] = EK_POINTER(t);
  const float *w = args->w;
  float *c = args->c;
  size_t n = 0;

#define EK_TAP(t)                                                                                                      \
  do {                                                                                                                 \
    const float *from = (fixed ? a[t] : EK_POINTER(t)) + n;                                                            \
    acc0 = _mm256_fmadd_ps(_mm256_loadu_ps(from), _mm256_loadu_ps(w), acc0);                                           \
    acc1 = _mm256_fmadd_ps(_mm256_loadu_ps(from + 8), _mm256_loadu_ps(w + 8), acc1);                                   \
    w += EK_NR;                                                                                                        \
  } while (0)
  for (; n + EK_NR <= channels; n += EK_NR) {
    __m256 acc0 = _mm256_loadu_ps(w), acc1 = _mm256_loadu_ps(w + 8);
    w += EK_NR;
    if (fixed) {
      EK_UNROLL for (size_t t = 0; t < fixed; t++) EK_TAP(t);
    } else {
      for (size_t t = 0; t < taps; t++) EK_TAP(t);
    }
    _mm256_storeu_ps(c + n, _mm256_min_ps(_mm256_max_ps(acc0, low), high));
    _mm256_storeu_ps(c + n + 8, _mm256_min_ps(_mm256_max_ps(acc1, low), high));
  }
#undef EK_TAP

  /* Up to fifteen channels are left, eight at a time; masked-out lanes are not read. */
  for (; n < channels; n += 8, w += 8) {
    const int count = channels - n < 8 ? (int)(channels - n) : 8;
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256 acc = _mm256_loadu_ps(w);
    for (size_t t = 0; t < args->taps; t++) {
      acc = _mm256_fmadd_ps(_mm256_maskload_ps(EK_POINTER(t) + n, mask), _mm256_loadu_ps(w + (t + 1) * EK_NR), acc);
    }
    _mm256_maskstore_ps(c + n, mask, _mm256_min_ps(_mm256_max_ps(acc, low), high));
  }
}

void ek_f32_dwconv_ukernel_1x16__avx2(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  (void)mr; /* always 1, here and below */
  ek_f32_dwconv_tile_avx2(0, channels, args);
}

void ek_f32_dwconv_ukernel_1x16p9__avx2(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  (void)mr;
  ek_f32_dwconv_tile_avx2(9, channels, args);
}

void ek_f32_dwconv_ukernel_1x16p25__avx2(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  (void)mr;
  ek_f32_dwconv_tile_avx2(25, channels, args);
}

#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
