#include <arm_neon.h>

#include "ukernels/qs8_igemm/qs8_igemm.h"
#include "ukernels/requantize_neon.h"
#include "ukernels/tile.h"

#define EK_MR 8

#define EK_ROW(r) (a_offsets[(r) < mr ? (r) : mr - 1])
#define EK_POINTER(offset) ((offset) == EK_IGEMM_PAD ? args->zero : args->a + (offset))

/* The first `count` < 8 elements; the others are zeros and are not read. */
EK_TILE_BODY int8x8_t ek_qs8_igemm_load_neoni8mm(const int8_t *from, size_t count) {
  uint64_t bits = 0;
  from += count;
  if (count & 1) {
    from -= 1;
    bits = (uint8_t)*from;
  }
  if (count & 2) {
    uint16_t x;
    from -= 2;
    __builtin_memcpy(&x, from, 2);
    bits = bits << 16 | x;
  }
  if (count & 4) {
    uint32_t x;
    from -= 4;
    __builtin_memcpy(&x, from, 4);
    bits = bits << 32 | x;
  }
  return vreinterpret_s8_u64(vdup_n_u64(bits));
}

/* Eight channels of eight columns, w is [8][8]. A product takes two rows and two columns. */
#define EK_STEP(group, x)                                                                      \
  do {                                                                                         \
    EK_UNROLL for (size_t j = 0; j < 4; j++) {                                                 \
      const int8x16_t b = vld1q_s8(w + (group) * 64 + j * 16);                                 \
      EK_UNROLL for (size_t p = 0; p < pairs; p++) acc[p][j] = vmmlaq_s32(acc[p][j], x[p], b); \
    }                                                                                          \
  } while (0)

/* `pairs` is the constant number of row pairs, 2 * pairs >= mr; the rows past mr repeat the last one. */
EK_TILE_BODY void ek_qs8_igemm_tile_neoni8mm(const size_t pairs, size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  const int8_t *w = args->w;
  const size_t kc = args->kc;
  const ek_requantize_neon q = ek_requantize_neon_load(args->zero_point, args->min, args->max);
  const uint32_t *a_offsets = args->a_offsets;
  const int8_t *first[EK_MR];
  int8_t *c[EK_MR];
  EK_UNROLL for (size_t r = 0; r < 2 * pairs; r++) {
    const uint32_t offset = EK_ROW(r);
    first[r] = EK_POINTER(offset);
    c[r] = args->c + (r < mr ? r : mr - 1) * args->cm_stride;
  }
  for (;;) {
    const int32_t *bias = (const int32_t *)(const void *)w;
    const float *multiplier = (const float *)(const void *)(w + 32);
    int32x4_t acc[EK_MR / 2][4]; /* [pair][columns / 2]: row 0 in the low half, row 1 in the high */
    EK_UNROLL for (size_t j = 0; j < 4; j++) {
      const int32x4_t b = vcombine_s32(vld1_s32(bias + 2 * j), vld1_s32(bias + 2 * j));
      EK_UNROLL for (size_t p = 0; p < pairs; p++) acc[p][j] = b;
    }
    w += 64;
    const int8_t *a[EK_MR];
    EK_UNROLL for (size_t r = 0; r < 2 * pairs; r++) a[r] = first[r];
    a_offsets = args->a_offsets;
    for (size_t t = args->ks;;) {
      size_t k = kc;
      for (; k >= 16; k -= 16) {
        int8x16_t low[EK_MR / 2], high[EK_MR / 2];
        EK_UNROLL for (size_t p = 0; p < pairs; p++) {
          const int64x2_t x = vreinterpretq_s64_s8(vld1q_s8(a[2 * p]));
          const int64x2_t y = vreinterpretq_s64_s8(vld1q_s8(a[2 * p + 1]));
          low[p] = vreinterpretq_s8_s64(vtrn1q_s64(x, y));
          high[p] = vreinterpretq_s8_s64(vtrn2q_s64(x, y));
          a[2 * p] += 16;
          a[2 * p + 1] += 16;
        }
        EK_STEP(0, low);
        EK_STEP(1, high);
        w += 128;
      }
      if (k & 8) {
        int8x16_t x[EK_MR / 2];
        EK_UNROLL for (size_t p = 0; p < pairs; p++) {
          x[p] = vcombine_s8(vld1_s8(a[2 * p]), vld1_s8(a[2 * p + 1]));
          a[2 * p] += 8;
          a[2 * p + 1] += 8;
        }
        EK_STEP(0, x);
        w += 64;
      }
      k &= 7;
      if (k != 0) {
        int8x16_t x[EK_MR / 2];
        EK_UNROLL for (size_t p = 0; p < pairs; p++) {
          x[p] = vcombine_s8(ek_qs8_igemm_load_neoni8mm(a[2 * p], k), ek_qs8_igemm_load_neoni8mm(a[2 * p + 1], k));
        }
        EK_STEP(0, x);
        w += 64;
      }
      if (--t == 0) break;
      a_offsets += EK_MR;
      EK_UNROLL for (size_t r = 0; r < 2 * pairs; r++) {
        const uint32_t offset = EK_ROW(r);
        a[r] = EK_POINTER(offset);
      }
    }
    const float32x4_t multiplier0 = vld1q_f32(multiplier), multiplier1 = vld1q_f32(multiplier + 4);
    EK_UNROLL for (size_t p = 0; p < pairs; p++) {
      int64x2_t x[4];
      EK_UNROLL for (size_t j = 0; j < 4; j++) x[j] = vreinterpretq_s64_s32(acc[p][j]);
      const int32x4_t r00 = vreinterpretq_s32_s64(vtrn1q_s64(x[0], x[1])),
                      r01 = vreinterpretq_s32_s64(vtrn1q_s64(x[2], x[3]));
      const int32x4_t r10 = vreinterpretq_s32_s64(vtrn2q_s64(x[0], x[1])),
                      r11 = vreinterpretq_s32_s64(vtrn2q_s64(x[2], x[3]));
      if (args->acc) { /* the second row first: where it repeats the first one, that is what stays */
        int32_t *low = args->acc + (2 * p < mr ? 2 * p : mr - 1) * 8;
        int32_t *high = args->acc + (2 * p + 1 < mr ? 2 * p + 1 : mr - 1) * 8;
        vst1q_s32(high, r10);
        vst1q_s32(high + 4, r11);
        vst1q_s32(low, r00);
        vst1q_s32(low + 4, r01);
        continue;
      }
      ek_store_int8_neon(c[2 * p + 1], nc, ek_requantize_8_neon(&q, r10, r11, multiplier0, multiplier1));
      ek_store_int8_neon(c[2 * p], nc, ek_requantize_8_neon(&q, r00, r01, multiplier0, multiplier1));
      c[2 * p] += args->cn_stride;
      c[2 * p + 1] += args->cn_stride;
    }
    if (nc <= 8) return;
    nc -= 8;
  }
}

void ek_qs8_igemm_ukernel_8x8c8__neoni8mm(size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  if (mr > 4) {
    ek_qs8_igemm_tile_neoni8mm(4, mr, nc, args);
  } else if (mr > 2) {
    ek_qs8_igemm_tile_neoni8mm(2, mr, nc, args);
  } else {
    ek_qs8_igemm_tile_neoni8mm(1, mr, nc, args);
  }
}

#undef EK_MR
#undef EK_ROW
#undef EK_POINTER
#undef EK_STEP
