#include <immintrin.h>

#include "ukernels/f32_dwconv/f32_dwconv.h"
#include "ukernels/tile.h"

#define EK_NR 32
#define EK_MAX_TAPS 25

#define EK_POINTER(t) ek_f32_dwconv_pointer_avx512(args, args->a_offsets[t])

EK_TILE_BODY const float *ek_f32_dwconv_pointer_avx512(const ek_f32_dwconv_args *args, uint32_t offset) {
  return offset == EK_IGEMM_PAD ? args->zero : args->a + offset;
}

/* `fixed` is the constant number of taps, 0 for any. With fixed taps the pointers are computed once and the loop
 * unrolled. */
EK_TILE_BODY void ek_f32_dwconv_tile_avx512(const size_t fixed, size_t channels, const ek_f32_dwconv_args *args) {
  const size_t taps = fixed ? fixed : args->taps;
  const __m512 low = _mm512_set1_ps(args->min), high = _mm512_set1_ps(args->max);
  const float *a[EK_MAX_TAPS];
  EK_UNROLL for (size_t t = 0; t < fixed; t++) a[t] = EK_POINTER(t);
  const float *w = args->w;
  float *c = args->c;
  size_t n = 0;

#define EK_TAP(t)                                                                                                      \
  do {                                                                                                                 \
    const float *from = (fixed ? a[t] : EK_POINTER(t)) + n;                                                            \
    acc0 = _mm512_fmadd_ps(_mm512_loadu_ps(from), _mm512_loadu_ps(w), acc0);                                           \
    acc1 = _mm512_fmadd_ps(_mm512_loadu_ps(from + 16), _mm512_loadu_ps(w + 16), acc1);                                 \
    w += EK_NR;                                                                                                        \
  } while (0)
  for (; n + EK_NR <= channels; n += EK_NR) {
    __m512 acc0 = _mm512_loadu_ps(w), acc1 = _mm512_loadu_ps(w + 16);
    w += EK_NR;
    if (fixed) {
      EK_UNROLL for (size_t t = 0; t < fixed; t++) EK_TAP(t);
    } else {
      for (size_t t = 0; t < taps; t++) EK_TAP(t);
    }
    _mm512_storeu_ps(c + n, _mm512_min_ps(_mm512_max_ps(acc0, low), high));
    _mm512_storeu_ps(c + n + 16, _mm512_min_ps(_mm512_max_ps(acc1, low), high));
  }
#undef EK_TAP

  /* Up to thirty-one channels are left, sixteen at a time; masked-out lanes are not read. */
  for (; n < channels; n += 16, w += 16) {
    const __mmask16 mask = channels - n < 16 ? (__mmask16)((1u << (channels - n)) - 1) : 0xFFFF;
    __m512 acc = _mm512_loadu_ps(w);
    EK_UNROLL for (size_t t = 0; t < taps; t++) {
      const float *from = (fixed ? a[t] : EK_POINTER(t)) + n;
      acc = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, from), _mm512_loadu_ps(w + (t + 1) * EK_NR), acc);
    }
    _mm512_mask_storeu_ps(c + n, mask, _mm512_min_ps(_mm512_max_ps(acc, low), high));
  }
}

void ek_f32_dwconv_ukernel_1x32__avx512(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  (void)mr; /* always 1, here and below */
  ek_f32_dwconv_tile_avx512(0, channels, args);
}

void ek_f32_dwconv_ukernel_1x32p9__avx512(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  (void)mr;
  ek_f32_dwconv_tile_avx512(9, channels, args);
}

void ek_f32_dwconv_ukernel_1x32p25__avx512(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  (void)mr;
  ek_f32_dwconv_tile_avx512(25, channels, args);
}

#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
