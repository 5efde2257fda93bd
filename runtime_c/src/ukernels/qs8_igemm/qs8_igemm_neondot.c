#include <arm_neon.h>

#include "ukernels/qs8_igemm/qs8_igemm.h"
#include "ukernels/requantize_neon.h"
#include "ukernels/tile.h"

#define EK_MR 8

#define EK_ROW(r) (a_offsets[(r) < mr ? (r) : mr - 1])
#define EK_POINTER(offset) ((offset) == EK_IGEMM_PAD ? args->zero : args->a + (offset))

/* Four channels of eight columns: w is [8][4]. */
#define EK_STEP(group, dot, lane)                                                          \
  do {                                                                                     \
    const int8x16_t b0 = vld1q_s8(w + (group) * 32), b1 = vld1q_s8(w + (group) * 32 + 16); \
    EK_UNROLL for (size_t r = 0; r < rows; r++) acc0[r] = dot(acc0[r], b0, va[r], lane);   \
    EK_UNROLL for (size_t r = 0; r < rows; r++) acc1[r] = dot(acc1[r], b1, va[r], lane);   \
  } while (0)

/* `rows` is a constant >= mr; the rows past mr repeat the last one. */
EK_TILE_BODY void ek_qs8_igemm_tile_neondot(const size_t rows, size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  const int8_t *w = args->w;
  const size_t kc = args->kc;
  const ek_requantize_neon q = ek_requantize_neon_load(args->zero_point, args->min, args->max);
  const uint32_t *a_offsets = args->a_offsets;
  const int8_t *first[EK_MR];
  int8_t *c[EK_MR];
  EK_UNROLL for (size_t r = 0; r < rows; r++) {
    const uint32_t offset = EK_ROW(r);
    first[r] = EK_POINTER(offset);
    c[r] = args->c + (r < mr ? r : mr - 1) * args->cm_stride;
  }
  for (;;) {
    const int32_t *bias = (const int32_t *)(const void *)w;
    const float *multiplier = (const float *)(const void *)(w + 32);
    int32x4_t acc0[EK_MR], acc1[EK_MR];
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      acc0[r] = vld1q_s32(bias);
      acc1[r] = vld1q_s32(bias + 4);
    }
    w += 64;
    const int8_t *a[EK_MR];
    EK_UNROLL for (size_t r = 0; r < rows; r++) a[r] = first[r];
    a_offsets = args->a_offsets;
    for (size_t t = args->ks;;) {
      size_t k = kc;
      for (; k >= 16; k -= 16) {
        int8x16_t va[EK_MR];
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          va[r] = vld1q_s8(a[r]);
          a[r] += 16;
        }
        EK_STEP(0, vdotq_laneq_s32, 0);
        EK_STEP(1, vdotq_laneq_s32, 1);
        EK_STEP(2, vdotq_laneq_s32, 2);
        EK_STEP(3, vdotq_laneq_s32, 3);
        w += 128;
      }
      if (k & 8) {
        int8x8_t va[EK_MR];
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          va[r] = vld1_s8(a[r]);
          a[r] += 8;
        }
        EK_STEP(0, vdotq_lane_s32, 0);
        EK_STEP(1, vdotq_lane_s32, 1);
        w += 64;
      }
      if (k & 4) {
        int8x8_t va[EK_MR];
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          int32_t x;
          __builtin_memcpy(&x, a[r], 4);
          va[r] = vreinterpret_s8_s32(vdup_n_s32(x));
          a[r] += 4;
        }
        EK_STEP(0, vdotq_lane_s32, 0);
        w += 32;
      }
      k &= 3;
      if (k != 0) {
        /* The packed weights of the missing channels are zeros; their activations must not be read. */
        int8x8_t va[EK_MR];
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          va[r] = vld1_lane_s8(a[r], vdup_n_s8(0), 0);
          if (k > 1) va[r] = vld1_lane_s8(a[r] + 1, va[r], 1);
          if (k > 2) va[r] = vld1_lane_s8(a[r] + 2, va[r], 2);
        }
        EK_STEP(0, vdotq_lane_s32, 0);
        w += 32;
      }
      if (--t == 0) break;
      a_offsets += EK_MR;
      EK_UNROLL for (size_t r = 0; r < rows; r++) {
        const uint32_t offset = EK_ROW(r);
        a[r] = EK_POINTER(offset);
      }
    }
    if (args->acc) {
      EK_UNROLL for (size_t r = 0; r < rows; r++) {
        int32_t *to = args->acc + (r < mr ? r : mr - 1) * 8;
        vst1q_s32(to, acc0[r]);
        vst1q_s32(to + 4, acc1[r]);
      }
      return;
    }
    const float32x4_t multiplier0 = vld1q_f32(multiplier), multiplier1 = vld1q_f32(multiplier + 4);
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      ek_store_int8_neon(c[r], nc, ek_requantize_8_neon(&q, acc0[r], acc1[r], multiplier0, multiplier1));
      c[r] += args->cn_stride;
    }
    if (nc <= 8) return;
    nc -= 8;
  }
}

void ek_qs8_igemm_ukernel_8x8c4__neondot(size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  if (mr > 4) {
    ek_qs8_igemm_tile_neondot(8, mr, nc, args);
  } else if (mr > 1) {
    ek_qs8_igemm_tile_neondot(4, mr, nc, args);
  } else {
    ek_qs8_igemm_tile_neondot(1, mr, nc, args);
  }
}

#undef EK_MR
#undef EK_ROW
#undef EK_POINTER
#undef EK_STEP
