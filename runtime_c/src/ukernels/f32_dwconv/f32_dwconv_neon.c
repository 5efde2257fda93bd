#include <arm_neon.h>

#include "ukernels/f32_dwconv/f32_dwconv.h"
#include "ukernels/tile.h"

#define EK_MR 4
#define EK_NR 8
#define EK_MAX_TAPS 49 /* whose pointers are computed once for all channel tiles */

/* Pixels past mr repeat the last one. */
#define EK_POINTER(t, m) ek_f32_dwconv_pointer_neon(args, args->a_offsets[(t) * EK_MR + ((m) < mr ? (m) : mr - 1)])

EK_TILE_BODY const float *ek_f32_dwconv_pointer_neon(const ek_f32_dwconv_args *args, uint32_t offset) {
  return offset == EK_IGEMM_PAD ? args->zero : args->a + offset;
}

/* The first `count` < 4 elements; the others are zeros and are not read. */
EK_TILE_BODY float32x4_t ek_f32_dwconv_load_neon(const float *from, size_t count) {
  float32x4_t x = vdupq_n_f32(0.0f);
  x = vld1q_lane_f32(from, x, 0);
  if (count > 1) x = vld1q_lane_f32(from + 1, x, 1);
  if (count > 2) x = vld1q_lane_f32(from + 2, x, 2);
  return x;
}

EK_TILE_BODY void ek_f32_dwconv_store_neon(float *to, size_t count, float32x4_t x) {
  vst1q_lane_f32(to, x, 0);
  if (count > 1) vst1q_lane_f32(to + 1, x, 1);
  if (count > 2) vst1q_lane_f32(to + 2, x, 2);
}

/* The channels of one pixel that are left, four and then one to three at a time. mr and nr are the tile of the row. */
static void ek_f32_dwconv_rest_neon(size_t m, size_t mr, size_t nr, size_t n, size_t channels, const float *w,
                                    const ek_f32_dwconv_args *args) {
  const float32x4_t low = vdupq_n_f32(args->min), high = vdupq_n_f32(args->max);
  float *c = args->c + m * args->cm_stride;
  for (; n < channels; n += 4, w += 4) {
    const size_t count = channels - n;
    float32x4_t acc = vld1q_f32(w);
    for (size_t t = 0; t < args->taps; t++) {
      const float *from = ek_f32_dwconv_pointer_neon(args, args->a_offsets[t * mr + m]) + n;
      const float32x4_t x = count >= 4 ? vld1q_f32(from) : ek_f32_dwconv_load_neon(from, count);
      acc = vfmaq_f32(acc, x, vld1q_f32(w + (t + 1) * nr));
    }
    acc = vminq_f32(vmaxq_f32(acc, low), high);
    if (count >= 4) {
      vst1q_f32(c + n, acc);
    } else {
      ek_f32_dwconv_store_neon(c + n, count, acc);
    }
  }
}

/* `pixels` is a constant >= mr. Pixels share the loads of the weights. */
EK_TILE_BODY void ek_f32_dwconv_tile_neon(const size_t pixels, size_t mr, size_t channels,
                                          const ek_f32_dwconv_args *args) {
  const float32x4_t low = vdupq_n_f32(args->min), high = vdupq_n_f32(args->max);
  const float *a[EK_MAX_TAPS][EK_MR];
  const size_t taps = args->taps, cached = taps <= EK_MAX_TAPS ? taps : 0;
  for (size_t t = 0; t < cached; t++) {
    EK_UNROLL for (size_t m = 0; m < pixels; m++) a[t][m] = EK_POINTER(t, m);
  }
  const float *w = args->w;
  float *c[EK_MR];
  EK_UNROLL for (size_t m = 0; m < pixels; m++) c[m] = args->c + (m < mr ? m : mr - 1) * args->cm_stride;
  size_t n = 0;

#define EK_TAP(t, pointer)                               \
  do {                                                   \
    const float32x4x2_t wt = vld1q_f32_x2(w);            \
    w += EK_NR;                                          \
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {      \
      const float32x4x2_t x = vld1q_f32_x2(pointer + n); \
      acc0[m] = vfmaq_f32(acc0[m], x.val[0], wt.val[0]); \
      acc1[m] = vfmaq_f32(acc1[m], x.val[1], wt.val[1]); \
    }                                                    \
  } while (0)
  for (; n + EK_NR <= channels; n += EK_NR) {
    float32x4_t acc0[EK_MR], acc1[EK_MR];
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      acc0[m] = vld1q_f32(w);
      acc1[m] = vld1q_f32(w + 4);
    }
    w += EK_NR;
    for (size_t t = 0; t < cached; t++) EK_TAP(t, a[t][m]);
    for (size_t t = cached; t < taps; t++) EK_TAP(t, EK_POINTER(t, m));
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      vst1q_f32(c[m] + n, vminq_f32(vmaxq_f32(acc0[m], low), high));
      vst1q_f32(c[m] + n + 4, vminq_f32(vmaxq_f32(acc1[m], low), high));
    }
  }
#undef EK_TAP

  for (size_t m = 0; m < mr; m++) ek_f32_dwconv_rest_neon(m, EK_MR, EK_NR, n, channels, w, args);
}

void ek_f32_dwconv_ukernel_4x8__neon(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  if (mr > 2) {
    ek_f32_dwconv_tile_neon(4, mr, channels, args);
  } else if (mr > 1) {
    ek_f32_dwconv_tile_neon(2, mr, channels, args);
  } else {
    ek_f32_dwconv_tile_neon(1, mr, channels, args);
  }
}

/* Nine pointers fit the registers; one load takes the sixteen channels of a pixel. */
void ek_f32_dwconv_ukernel_1x16p9__neon(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  (void)mr; /* always 1 */
  const float32x4_t low = vdupq_n_f32(args->min), high = vdupq_n_f32(args->max);
  const float *a[9];
  EK_UNROLL for (size_t t = 0; t < 9; t++) a[t] = ek_f32_dwconv_pointer_neon(args, args->a_offsets[t]);
  const float *w = args->w;
  size_t n = 0;
  for (; n + 16 <= channels; n += 16) {
    float32x4_t acc[4] = {vld1q_f32(w), vld1q_f32(w + 4), vld1q_f32(w + 8), vld1q_f32(w + 12)};
    w += 16;
    EK_UNROLL for (size_t t = 0; t < 9; t++) {
      const float32x4x4_t x = vld1q_f32_x4(a[t]);
      const float32x4_t wt[4] = {vld1q_f32(w), vld1q_f32(w + 4), vld1q_f32(w + 8), vld1q_f32(w + 12)};
      w += 16;
      a[t] += 16;
      EK_UNROLL for (size_t j = 0; j < 4; j++) acc[j] = vfmaq_f32(acc[j], x.val[j], wt[j]);
    }
    EK_UNROLL for (size_t j = 0; j < 4; j++) {
      vst1q_f32(args->c + n + 4 * j, vminq_f32(vmaxq_f32(acc[j], low), high));
    }
  }
  ek_f32_dwconv_rest_neon(0, 1, 16, n, channels, w, args);
}

#undef EK_MR
#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
