#include <immintrin.h>

#include "ukernels/qs8_igemm/qs8_igemm.h"
#include "ukernels/requantize_avx512.h"
#include "ukernels/tile.h"

#define EK_MR 7

#define EK_ROW(r) (a_offsets[(r) < mr ? (r) : mr - 1])
#define EK_POINTER(offset) ((offset) == EK_IGEMM_PAD ? args->zero : args->a + (offset))

/* Four channels of thirty-two columns, w is [32][4]. The instruction multiplies uint8 by int8, so activations are taken
 * as x + 128; the packed bias holds the -128 * sum(w) that undoes it (EK_ACT_U8). */
#define EK_STEP(load)                                                          \
  do {                                                                         \
    const __m512i b0 = _mm512_loadu_si512(w), b1 = _mm512_loadu_si512(w + 64); \
    w += 128;                                                                  \
    EK_UNROLL for (size_t r = 0; r < rows; r++) {                              \
      const __m512i x = _mm512_xor_si512(_mm512_set1_epi32(load), flip);       \
      acc0[r] = _mm512_dpbusd_epi32(acc0[r], x, b0);                           \
      if (wide) acc1[r] = _mm512_dpbusd_epi32(acc1[r], x, b1);                 \
    }                                                                          \
  } while (0)

EK_TILE_BODY int ek_qs8_load4_avx512vnni(const int8_t *from) {
  int x;
  __builtin_memcpy(&x, from, 4);
  return x;
}

/* One to three channels: the weights of the others are zeros, and the activations must not be read. */
EK_TILE_BODY int ek_qs8_load_tail_avx512vnni(const int8_t *from, size_t k) {
  uint32_t x = (uint8_t)from[0];
  if (k > 1) x |= (uint32_t)(uint8_t)from[1] << 8;
  if (k > 2) x |= (uint32_t)(uint8_t)from[2] << 16;
  return (int)x;
}

/* `rows` is a constant >= mr; the rows past mr repeat the last one. A tile that needs only its first 16 columns skips
 * the arithmetic of the others. */
EK_TILE_BODY void ek_qs8_igemm_columns_avx512vnni(const size_t rows, const int wide, size_t mr, size_t nc,
                                                  const int8_t *w, int8_t *c, const ek_qs8_igemm_args *args) {
  const size_t kc = args->kc;
  const __m512i flip = _mm512_set1_epi8(-128);
  const float *multiplier = (const float *)(const void *)(w + 128);
  __m512i acc0[EK_MR], acc1[EK_MR];
  EK_UNROLL for (size_t r = 0; r < rows; r++) {
    acc0[r] = _mm512_loadu_si512(w);
    acc1[r] = _mm512_loadu_si512(w + 64);
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
    size_t k = 0;
    for (; k + 4 <= kc; k += 4) EK_STEP(ek_qs8_load4_avx512vnni(a[r] + k));
    if (k < kc) EK_STEP(ek_qs8_load_tail_avx512vnni(a[r] + k, kc - k));
  }
  if (args->acc) {
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      int32_t *to = args->acc + (r < mr ? r : mr - 1) * 32;
      _mm512_storeu_si512(to, acc0[r]);
      if (wide) _mm512_storeu_si512(to + 16, acc1[r]);
    }
    return;
  }
  const ek_requantize_avx512 q = ek_requantize_avx512_load(args->zero_point, args->min, args->max);
  const __m512 multiplier0 = _mm512_loadu_ps(multiplier), multiplier1 = _mm512_loadu_ps(multiplier + 16);
  const uint32_t mask = nc >= 32 ? UINT32_MAX : (UINT32_C(1) << nc) - 1;
  EK_UNROLL for (size_t r = 0; r < rows; r++) {
    int8_t *row = c + (r < mr ? r : mr - 1) * args->cm_stride;
    _mm_mask_storeu_epi8(row, (__mmask16)mask, ek_requantize_16_avx512(&q, acc0[r], multiplier0));
    if (wide) {
      _mm_mask_storeu_epi8(row + 16, (__mmask16)(mask >> 16), ek_requantize_16_avx512(&q, acc1[r], multiplier1));
    }
  }
}

EK_TILE_BODY void ek_qs8_igemm_tile_avx512vnni(const size_t rows, size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  const int8_t *w = args->w;
  int8_t *c = args->c;
  const size_t tile = 32 * (8 + args->ks * ((args->kc + 3) / 4 * 4));
  for (; nc > 16; nc -= 32) {
    ek_qs8_igemm_columns_avx512vnni(rows, 1, mr, nc, w, c, args);
    if (nc <= 32) return;
    w += tile;
    c += args->cn_stride;
  }
  ek_qs8_igemm_columns_avx512vnni(rows, 0, mr, nc, w, c, args);
}

void ek_qs8_igemm_ukernel_7x32c4__avx512vnni(size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  if (mr > 4) {
    ek_qs8_igemm_tile_avx512vnni(7, mr, nc, args);
  } else if (mr > 1) {
    ek_qs8_igemm_tile_avx512vnni(4, mr, nc, args);
  } else {
    ek_qs8_igemm_tile_avx512vnni(1, mr, nc, args);
  }
}

#undef EK_MR
#undef EK_ROW
#undef EK_POINTER
#undef EK_STEP
