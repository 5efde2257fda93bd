#include <arm_neon.h>

#include "ukernels/f32_dwconv/f32_dwconv.h"
#include "ukernels/tile.h"

#define EK_NR 8
#define EK_MAX_TAPS 25

#define EK_POINTER(t, m) ek_f32_dwconv_pointer_neon(args, args->a_offsets[(t)*mr_row + (m)])

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

/* `fixed` is the constant number of taps, 0 for any; `pixels` the constant number of pixels to compute; mr_row the row
 * of the offset table. With fixed taps the pointers are computed once and the tap loop is unrolled. */
EK_TILE_BODY void ek_f32_dwconv_tile_neon(const size_t fixed, const size_t pixels, const size_t mr_row, size_t channels,
                                          const ek_f32_dwconv_args *args) {
  const size_t taps = fixed ? fixed : args->taps;
  const float32x4_t low = vdupq_n_f32(args->min), high = vdupq_n_f32(args->max);
  const float *a[EK_MAX_TAPS][2];
  EK_UNROLL for (size_t t = 0; t < fixed; t++) {
    EK_UNROLL for (size_t m = 0; m < pixels; m++) a[t][m] = EK_POINTER(t, m);
  }
  const float *w = args->w;
  float *c = args->c;
  const size_t cm_stride = args->cm_stride;
  size_t n = 0;

#define EK_TAP(t)                                                                                                      \
  do {                                                                                                                 \
    const float32x4_t w0 = vld1q_f32(w), w1 = vld1q_f32(w + 4);                                                        \
    w += EK_NR;                                                                                                        \
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {                                                                    \
      const float *from = (fixed ? a[t][m] : EK_POINTER(t, m)) + n;                                                    \
      acc0[m] = vfmaq_f32(acc0[m], vld1q_f32(from), w0);                                                               \
      acc1[m] = vfmaq_f32(acc1[m], vld1q_f32(from + 4), w1);                                                           \
    }                                                                                                                  \
  } while (0)
  for (; n + EK_NR <= channels; n += EK_NR) {
    float32x4_t acc0[2], acc1[2];
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      acc0[m] = vld1q_f32(w);
      acc1[m] = vld1q_f32(w + 4);
    }
    w += EK_NR;
    if (fixed) {
      EK_UNROLL for (size_t t = 0; t < fixed; t++) EK_TAP(t);
    } else {
      for (size_t t = 0; t < taps; t++) EK_TAP(t);
    }
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      vst1q_f32(c + m * cm_stride + n, vminq_f32(vmaxq_f32(acc0[m], low), high));
      vst1q_f32(c + m * cm_stride + n + 4, vminq_f32(vmaxq_f32(acc1[m], low), high));
    }
  }
#undef EK_TAP

  /* Up to seven channels are left, four and then one to three at a time; not unrolled, to stay small. */
  for (; n < channels; n += 4, w += 4) {
    const size_t count = channels - n;
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      float32x4_t acc = vld1q_f32(w);
      for (size_t t = 0; t < args->taps; t++) {
        const float *from = EK_POINTER(t, m) + n;
        const float32x4_t x = count >= 4 ? vld1q_f32(from) : ek_f32_dwconv_load_neon(from, count);
        acc = vfmaq_f32(acc, x, vld1q_f32(w + (t + 1) * EK_NR));
      }
      acc = vminq_f32(vmaxq_f32(acc, low), high);
      if (count >= 4) {
        vst1q_f32(c + m * cm_stride + n, acc);
      } else {
        ek_f32_dwconv_store_neon(c + m * cm_stride + n, count, acc);
      }
    }
  }
}

void ek_f32_dwconv_ukernel_1x8__neon(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  (void)mr; /* always 1 */
  ek_f32_dwconv_tile_neon(0, 1, 1, channels, args);
}

void ek_f32_dwconv_ukernel_2x8p9__neon(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  if (mr == 2) {
    ek_f32_dwconv_tile_neon(9, 2, 2, channels, args);
  } else {
    ek_f32_dwconv_tile_neon(9, 1, 2, channels, args);
  }
}

void ek_f32_dwconv_ukernel_2x8p25__neon(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  if (mr == 2) {
    ek_f32_dwconv_tile_neon(25, 2, 2, channels, args);
  } else {
    ek_f32_dwconv_tile_neon(25, 1, 2, channels, args);
  }
}

#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
