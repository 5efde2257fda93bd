#include <immintrin.h>

#include "ukernels/f32_dwconv/f32_dwconv.h"
#include "ukernels/tile.h"

#define EK_MR 4
#define EK_NR 32
#define EK_MAX_TAPS 49 /* whose pointers are computed once for all channel tiles */

/* Pixels past mr repeat the last one. */
#define EK_POINTER(t, m) ek_f32_dwconv_pointer_avx512(args, args->a_offsets[(t) * EK_MR + ((m) < mr ? (m) : mr - 1)])

EK_TILE_BODY const float *ek_f32_dwconv_pointer_avx512(const ek_f32_dwconv_args *args, uint32_t offset) {
  return offset == EK_IGEMM_PAD ? args->zero : args->a + offset;
}

/* `pixels` is a constant >= mr. Pixels share the loads of the weights, which for many channels do not stay in L1. The
 * tap loop is not unrolled: the pointers do not fit the registers anyway, and the code stays small. */
EK_TILE_BODY void ek_f32_dwconv_tile_avx512(const size_t pixels, size_t mr, size_t channels,
                                            const ek_f32_dwconv_args *args) {
  const __m512 low = _mm512_set1_ps(args->min), high = _mm512_set1_ps(args->max);
  const float *a[EK_MAX_TAPS][EK_MR];
  const size_t taps = args->taps, cached = taps <= EK_MAX_TAPS ? taps : 0;
  for (size_t t = 0; t < cached; t++) {
    EK_UNROLL for (size_t m = 0; m < pixels; m++) a[t][m] = EK_POINTER(t, m);
  }
  const float *w = args->w;
  float *c[EK_MR];
  EK_UNROLL for (size_t m = 0; m < pixels; m++) c[m] = args->c + (m < mr ? m : mr - 1) * args->cm_stride;
  size_t n = 0;

#define EK_TAP(t, pointer)                                                \
  do {                                                                    \
    const __m512 w0 = _mm512_loadu_ps(w), w1 = _mm512_loadu_ps(w + 16);   \
    w += EK_NR;                                                           \
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {                       \
      const float *from = pointer + n;                                    \
      acc0[m] = _mm512_fmadd_ps(_mm512_loadu_ps(from), w0, acc0[m]);      \
      acc1[m] = _mm512_fmadd_ps(_mm512_loadu_ps(from + 16), w1, acc1[m]); \
    }                                                                     \
  } while (0)
  for (; n + EK_NR <= channels; n += EK_NR) {
    __m512 acc0[EK_MR], acc1[EK_MR];
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      acc0[m] = _mm512_loadu_ps(w);
      acc1[m] = _mm512_loadu_ps(w + 16);
    }
    w += EK_NR;
    for (size_t t = 0; t < cached; t++) EK_TAP(t, a[t][m]);
    for (size_t t = cached; t < taps; t++) EK_TAP(t, EK_POINTER(t, m));
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      _mm512_storeu_ps(c[m] + n, _mm512_min_ps(_mm512_max_ps(acc0[m], low), high));
      _mm512_storeu_ps(c[m] + n + 16, _mm512_min_ps(_mm512_max_ps(acc1[m], low), high));
    }
  }
#undef EK_TAP

  /* Up to thirty-one channels are left, sixteen at a time; masked-out lanes are not read. */
  for (; n < channels; n += 16, w += 16) {
    const __mmask16 mask = channels - n < 16 ? (__mmask16)((1u << (channels - n)) - 1) : 0xFFFF;
    for (size_t m = 0; m < mr; m++) {
      __m512 acc = _mm512_loadu_ps(w);
      for (size_t t = 0; t < taps; t++) {
        const float *from = EK_POINTER(t, m) + n;
        acc = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, from), _mm512_loadu_ps(w + (t + 1) * EK_NR), acc);
      }
      float *to = args->c + m * args->cm_stride + n;
      _mm512_mask_storeu_ps(to, mask, _mm512_min_ps(_mm512_max_ps(acc, low), high));
    }
  }
}

void ek_f32_dwconv_ukernel_4x32__avx512(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  if (mr > 2) {
    ek_f32_dwconv_tile_avx512(4, mr, channels, args);
  } else if (mr > 1) {
    ek_f32_dwconv_tile_avx512(2, mr, channels, args);
  } else {
    ek_f32_dwconv_tile_avx512(1, mr, channels, args);
  }
}

#undef EK_MR
#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
