/* The NEON body of f32_igemm and f32_qc8w_igemm: the same arithmetic, weights stored as float or as int8. With int8
 * (qc8w, a constant) the sum is scaled by column and then biased; a tile then starts with NR biases and NR scales. */
#ifndef EK_UKERNELS_F32_IGEMM_BODY_NEON_H
#define EK_UKERNELS_F32_IGEMM_BODY_NEON_H

#include <arm_neon.h>

#include "ukernels/f32_igemm/f32_igemm.h"
#include "ukernels/tile.h"

#define EK_MR 8

EK_TILE_BODY void ek_f32_igemm_weights_neon(const int qc8w, const char *w, float32x4_t *b0, float32x4_t *b1) {
  if (qc8w) {
    const int16x8_t x = vmovl_s8(vld1_s8((const int8_t *)w));
    *b0 = vcvtq_f32_s32(vmovl_s16(vget_low_s16(x)));
    *b1 = vcvtq_f32_s32(vmovl_high_s16(x));
  } else {
    *b0 = vld1q_f32((const float *)(const void *)w);
    *b1 = vld1q_f32((const float *)(const void *)w + 4);
  }
}

/* The first tap's row pointers are kept for all column tiles: for a plain product they are the only ones. */
#define EK_ROW(r) (a_offsets[(r) < mr ? (r) : mr - 1])
#define EK_POINTER(offset) ((offset) == EK_IGEMM_PAD ? args->zero : args->a + (offset))

EK_TILE_BODY void ek_f32_igemm_store_neon(float *c, size_t columns, float32x4_t x0, float32x4_t x1) {
  if (columns >= 8) {
    vst1q_f32(c, x0);
    vst1q_f32(c + 4, x1);
    return;
  }
  if (columns & 4) {
    vst1q_f32(c, x0);
    x0 = x1;
    c += 4;
  }
  float32x2_t x = vget_low_f32(x0);
  if (columns & 2) {
    vst1_f32(c, x);
    x = vget_high_f32(x0);
    c += 2;
  }
  if (columns & 1) vst1_lane_f32(c, x, 0);
}

#define EK_STEP(lane)                                                                                \
  do {                                                                                               \
    float32x4_t b0, b1;                                                                              \
    ek_f32_igemm_weights_neon(qc8w, w + (lane) * step, &b0, &b1);                                    \
    EK_UNROLL for (size_t r = 0; r < rows; r++) acc0[r] = vfmaq_laneq_f32(acc0[r], b0, va[r], lane); \
    EK_UNROLL for (size_t r = 0; r < rows; r++) acc1[r] = vfmaq_laneq_f32(acc1[r], b1, va[r], lane); \
  } while (0)

/* `rows` is a constant >= mr; the rows past mr repeat the last one. */
EK_TILE_BODY void ek_f32_igemm_tile_neon(const int qc8w, const size_t rows, size_t mr, size_t nc,
                                         const ek_f32_igemm_args *args) {
  const char *w = args->w;
  const size_t step = 8 * (qc8w ? sizeof(int8_t) : sizeof(float)); /* from one k to the next */
  const size_t kc = args->kc, ks = args->ks;
  const float32x4_t low = vdupq_n_f32(args->min), high = vdupq_n_f32(args->max);
  const uint32_t *a_offsets = args->a_offsets;
  const float *first[EK_MR];
  float *c[EK_MR];
  EK_UNROLL for (size_t r = 0; r < rows; r++) {
    const uint32_t offset = EK_ROW(r);
    first[r] = EK_POINTER(offset);
    c[r] = args->c + (r < mr ? r : mr - 1) * args->cm_stride;
  }
  for (;;) {
    const float *head = (const float *)(const void *)w;
    float32x4_t acc0[EK_MR], acc1[EK_MR];
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      acc0[r] = qc8w ? vdupq_n_f32(0.0f) : vld1q_f32(head);
      acc1[r] = qc8w ? vdupq_n_f32(0.0f) : vld1q_f32(head + 4);
    }
    w += qc8w ? 64 : 32;
    const float *a[EK_MR];
    EK_UNROLL for (size_t r = 0; r < rows; r++) a[r] = first[r];
    a_offsets = args->a_offsets;
    for (size_t t = ks;;) {
      size_t k = kc;
      for (; k >= 4; k -= 4) {
        float32x4_t va[EK_MR];
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          va[r] = vld1q_f32(a[r]);
          a[r] += 4;
        }
        EK_STEP(0);
        EK_STEP(1);
        EK_STEP(2);
        EK_STEP(3);
        w += 4 * step;
      }
      for (; k != 0; k--) {
        float32x4_t b0, b1;
        ek_f32_igemm_weights_neon(qc8w, w, &b0, &b1);
        w += step;
        EK_UNROLL for (size_t r = 0; r < rows; r++) {
          const float32x4_t va = vld1q_dup_f32(a[r]);
          a[r]++;
          acc0[r] = vfmaq_f32(acc0[r], b0, va);
          acc1[r] = vfmaq_f32(acc1[r], b1, va);
        }
      }
      if (--t == 0) break;
      a_offsets += EK_MR;
      EK_UNROLL for (size_t r = 0; r < rows; r++) {
        const uint32_t offset = EK_ROW(r);
        a[r] = EK_POINTER(offset);
      }
    }
    EK_UNROLL for (size_t r = 0; r < rows; r++) {
      if (qc8w) {
        acc0[r] = vfmaq_f32(vld1q_f32(head), acc0[r], vld1q_f32(head + 8));
        acc1[r] = vfmaq_f32(vld1q_f32(head + 4), acc1[r], vld1q_f32(head + 12));
      }
      acc0[r] = vminq_f32(vmaxq_f32(acc0[r], low), high);
      acc1[r] = vminq_f32(vmaxq_f32(acc1[r], low), high);
      ek_f32_igemm_store_neon(c[r], nc, acc0[r], acc1[r]);
      c[r] += args->cn_stride;
    }
    if (nc <= 8) return;
    nc -= 8;
  }
}

#undef EK_MR
#undef EK_ROW
#undef EK_POINTER
#undef EK_STEP

#endif
