#include <arm_neon.h>

#include "ukernels/qs8_igemm/qs8_igemm.h"
#include "ukernels/requantize_neon.h"
#include "ukernels/tile.h"

#define EK_MR 4
#define EK_NR 16

#define EK_ROW(r) (a_offsets[(r) < mr ? (r) : mr - 1])
#define EK_POINTER(offset) ((offset) == EK_IGEMM_PAD ? args->zero : args->a + (offset))

/* One pair of channels of sixteen columns, w is [16][2]: products in 16 bits, pairwise added into 32. */
#define EK_ONE_PAIR(acc, x)                                                  \
  do {                                                                       \
    acc[0] = vpadalq_s16(acc[0], vmull_s8(vget_low_s8(b0), vget_low_s8(x))); \
    acc[1] = vpadalq_s16(acc[1], vmull_high_s8(b0, x));                      \
    acc[2] = vpadalq_s16(acc[2], vmull_s8(vget_low_s8(b1), vget_low_s8(x))); \
    acc[3] = vpadalq_s16(acc[3], vmull_high_s8(b1, x));                      \
  } while (0)

/* Two pairs: two products fit in 16 bits because a weight is never -128 (128 * 127 * 2 < 2^15). */
#define EK_TWO_PAIRS(acc, x, y)                                                                                    \
  do {                                                                                                             \
    acc[0] =                                                                                                       \
        vpadalq_s16(acc[0], vmlal_s8(vmull_s8(vget_low_s8(b0), vget_low_s8(x)), vget_low_s8(b2), vget_low_s8(y))); \
    acc[1] = vpadalq_s16(acc[1], vmlal_high_s8(vmull_high_s8(b0, x), b2, y));                                      \
    acc[2] =                                                                                                       \
        vpadalq_s16(acc[2], vmlal_s8(vmull_s8(vget_low_s8(b1), vget_low_s8(x)), vget_low_s8(b3), vget_low_s8(y))); \
    acc[3] = vpadalq_s16(acc[3], vmlal_high_s8(vmull_high_s8(b1, x), b3, y));                                      \
  } while (0)

#define EK_DUP_PAIR(v, lane) vreinterpretq_s8_s16(vdupq_lane_s16(v, lane))

#define EK_STEP(lane)                                                                         \
  do {                                                                                        \
    const int8x16_t b0 = vld1q_s8(w + (lane) * 32), b1 = vld1q_s8(w + (lane) * 32 + 16);      \
    const int8x16_t b2 = vld1q_s8(w + (lane) * 32 + 32), b3 = vld1q_s8(w + (lane) * 32 + 48); \
    EK_UNROLL for (size_t r = 0; r < rows; r++) {                                             \
      const int8x16_t x = EK_DUP_PAIR(va[r], lane), y = EK_DUP_PAIR(va[r], (lane) + 1);       \
      EK_TWO_PAIRS(acc[r], x, y);                                                             \
    }                                                                                         \
  } while (0)

/* `rows` is a constant >= mr; the rows past mr repeat the last one. */
EK_TILE_BODY void ek_qs8_igemm_tile_neon(const size_t rows, size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  const int8_t *w = args->w;
  const size_t kc = args->kc;
  const ek_requantize_neon q = ek_requantize_neon_load(args->zero_point, args->min, args->max);
  int8_t *c[EK_MR];
  EK_UNROLL for (size_t r = 0; r < rows; r++) c[r] = args->c + (r < mr ? r : mr - 1) * args->cm_stride;
  for (;;) {
    const int32_t *bias = (const int32_t *)(const void *)w;
    const float *multiplier = (const float *)(const void *)(w + EK_NR * 4);
    int32x4_t acc[EK_MR][4];
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      EK_UNROLL for (size_t j = 0; j < 4; j++) acc[r][j] = vld1q_s32(bias + j * 4);
    }
    w += EK_NR * 8;
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
        int16x4_t va[EK_MR];
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          va[r] = vreinterpret_s16_s8(vld1_s8(a[r]));
          EK_OPAQUE_NEON(va[r]);
          a[r] += 8;
        }
        EK_STEP(0);
        EK_STEP(2);
        w += 128;
      }
      for (; k >= 2; k -= 2) {
        const int8x16_t b0 = vld1q_s8(w), b1 = vld1q_s8(w + 16);
        w += 32;
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          int16_t pair;
          __builtin_memcpy(&pair, a[r], 2);
          a[r] += 2;
          const int8x16_t x = vreinterpretq_s8_s16(vdupq_n_s16(pair));
          EK_ONE_PAIR(acc[r], x);
        }
      }
      if (k != 0) {
        const int8x16_t b0 = vld1q_s8(w), b1 = vld1q_s8(w + 16);
        w += 32;
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          const int8x16_t x = vreinterpretq_s8_s16(vdupq_n_s16((int16_t)(uint8_t)a[r][0]));
          EK_ONE_PAIR(acc[r], x);
        }
      }
    }
    if (args->acc) {
      EK_UNROLL for (size_t r = 0; r < rows; r++) {
        int32_t *to = args->acc + (r < mr ? r : mr - 1) * EK_NR;
        EK_UNROLL for (size_t j = 0; j < 4; j++) vst1q_s32(to + 4 * j, acc[r][j]);
      }
      return;
    }
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      const int8x8_t x0 =
          ek_requantize_8_neon(&q, acc[r][0], acc[r][1], vld1q_f32(multiplier), vld1q_f32(multiplier + 4));
      const int8x8_t x1 =
          ek_requantize_8_neon(&q, acc[r][2], acc[r][3], vld1q_f32(multiplier + 8), vld1q_f32(multiplier + 12));
      ek_store_int8_neon(c[r], nc, x0);
      if (nc > 8) ek_store_int8_neon(c[r] + 8, nc - 8, x1);
      c[r] += args->cn_stride;
    }
    if (nc <= EK_NR) return;
    nc -= EK_NR;
  }
}

void ek_qs8_igemm_ukernel_4x16c2__neon(size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  if (mr > 2) {
    ek_qs8_igemm_tile_neon(4, mr, nc, args);
  } else if (mr > 1) {
    ek_qs8_igemm_tile_neon(2, mr, nc, args);
  } else {
    ek_qs8_igemm_tile_neon(1, mr, nc, args);
  }
}

#undef EK_MR
#undef EK_NR
#undef EK_ROW
#undef EK_POINTER
#undef EK_ONE_PAIR
#undef EK_TWO_PAIRS
#undef EK_DUP_PAIR
#undef EK_STEP
