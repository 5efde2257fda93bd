#include <arm_neon.h>

#include "ukernels/qs8_dwconv/qs8_dwconv.h"
#include "ukernels/requantize_neon.h"
#include "ukernels/tile.h"

#define EK_MR 2
#define EK_NR 16
#define EK_MAX_TAPS 49 /* whose pointers are computed once for all channel tiles */

/* Pixels past mr repeat the last one. */
#define EK_POINTER(t, m) ek_qs8_dwconv_pointer_neon(args, args->a_offsets[(t) * EK_MR + ((m) < mr ? (m) : mr - 1)])

EK_TILE_BODY const int8_t *ek_qs8_dwconv_pointer_neon(const ek_qs8_dwconv_args *args, uint32_t offset) {
  return offset == EK_IGEMM_PAD ? args->zero : args->a + offset;
}

/* The first `count` < 8 elements; the others are zeros and are not read. */
EK_TILE_BODY int8x8_t ek_qs8_dwconv_load_neon(const int8_t *from, size_t count) {
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

EK_TILE_BODY void ek_qs8_dwconv_widen_neon(int32x4_t acc[4], int16x8_t low, int16x8_t high) {
  acc[0] = vaddw_s16(acc[0], vget_low_s16(low));
  acc[1] = vaddw_high_s16(acc[1], low);
  acc[2] = vaddw_s16(acc[2], vget_low_s16(high));
  acc[3] = vaddw_high_s16(acc[3], high);
}

/* Two taps share the widening: two products fit in 16 bits because a weight is never -128 (128 * 127 * 2 < 2^15). */
EK_TILE_BODY void ek_qs8_dwconv_two_neon(int32x4_t acc[4], int8x16_t a0, int8x16_t a1, int8x16_t w0, int8x16_t w1) {
  const int16x8_t low = vmlal_s8(vmull_s8(vget_low_s8(a0), vget_low_s8(w0)), vget_low_s8(a1), vget_low_s8(w1));
  const int16x8_t high = vmlal_high_s8(vmull_high_s8(a0, w0), a1, w1);
  ek_qs8_dwconv_widen_neon(acc, low, high);
}

EK_TILE_BODY void ek_qs8_dwconv_one_neon(int32x4_t acc[4], int8x16_t a0, int8x16_t w0) {
  ek_qs8_dwconv_widen_neon(acc, vmull_s8(vget_low_s8(a0), vget_low_s8(w0)), vmull_high_s8(a0, w0));
}

/* The last one to fifteen channels of one pixel, eight at a time; `mr` is the row of the offset table. */
static void ek_qs8_dwconv_rest_neon(size_t m, size_t mr, size_t n, size_t channels, const int8_t *w,
                                    const ek_qs8_dwconv_args *args) {
  const ek_requantize_neon q = ek_requantize_neon_load(args->zero_point, args->min, args->max);
  const int32_t *bias = (const int32_t *)(const void *)w;
  const float *multiplier = (const float *)(const void *)(w + EK_NR * 4);
  w += EK_NR * 8;
  for (; n < channels; n += 8, w += 8, bias += 8, multiplier += 8) {
    const size_t count = channels - n;
    int32x4_t acc0 = vld1q_s32(bias), acc1 = vld1q_s32(bias + 4);
    for (size_t t = 0; t < args->taps; t++) {
      const int8_t *from = ek_qs8_dwconv_pointer_neon(args, args->a_offsets[t * mr + m]) + n;
      const int8x8_t x = count >= 8 ? vld1_s8(from) : ek_qs8_dwconv_load_neon(from, count);
      const int16x8_t product = vmull_s8(x, vld1_s8(w + t * EK_NR));
      acc0 = vaddw_s16(acc0, vget_low_s16(product));
      acc1 = vaddw_high_s16(acc1, product);
    }
    if (args->acc) {
      vst1q_s32(args->acc + m * EK_NR + n, acc0);
      vst1q_s32(args->acc + m * EK_NR + n + 4, acc1);
      continue;
    }
    ek_store_int8_neon(args->c + m * args->cm_stride + n, count,
                       ek_requantize_8_neon(&q, acc0, acc1, vld1q_f32(multiplier), vld1q_f32(multiplier + 4)));
  }
}

/* The sixteen results of one pixel. */
EK_TILE_BODY void ek_qs8_dwconv_finish_neon(const ek_requantize_neon *q, const int32x4_t acc[4],
                                            const float *multiplier, int8_t *to) {
  const int8x8_t x0 = ek_requantize_8_neon(q, acc[0], acc[1], vld1q_f32(multiplier), vld1q_f32(multiplier + 4));
  const int8x8_t x1 = ek_requantize_8_neon(q, acc[2], acc[3], vld1q_f32(multiplier + 8), vld1q_f32(multiplier + 12));
  vst1q_s8(to, vcombine_s8(x0, x1));
}

EK_TILE_BODY void ek_qs8_dwconv_keep_neon(const int32x4_t acc[4], int32_t *to) {
  EK_UNROLL for (size_t j = 0; j < 4; j++) vst1q_s32(to + 4 * j, acc[j]);
}

/* Constants: `kept`, whether the pointers of all taps are kept; `pixels` >= mr. Pixels share the loads of the weights.
 */
EK_TILE_BODY void ek_qs8_dwconv_tile_neon(const int kept, const size_t pixels, size_t mr, size_t channels,
                                          const ek_qs8_dwconv_args *args) {
  const ek_requantize_neon q = ek_requantize_neon_load(args->zero_point, args->min, args->max);
  const int8_t *a[EK_MAX_TAPS][EK_MR];
  const size_t taps = args->taps;
  for (size_t t = 0; kept && t < taps; t++) {
    EK_UNROLL for (size_t m = 0; m < pixels; m++) a[t][m] = EK_POINTER(t, m);
  }
  const int8_t *w = args->w;
  size_t n = 0;
#define EK_FROM(t, m) vld1q_s8((kept ? a[t][m] : EK_POINTER(t, m)) + n)
  for (; n + EK_NR <= channels; n += EK_NR) {
    const int32_t *bias = (const int32_t *)(const void *)w;
    const float *multiplier = (const float *)(const void *)(w + EK_NR * 4);
    int32x4_t acc[EK_MR][4];
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      EK_UNROLL for (size_t j = 0; j < 4; j++) acc[m][j] = vld1q_s32(bias + 4 * j);
    }
    w += EK_NR * 8;
    size_t t = 0;
    for (; t + 2 <= taps; t += 2) {
      const int8x16_t w0 = vld1q_s8(w), w1 = vld1q_s8(w + 16);
      w += 32;
      EK_UNROLL for (size_t m = 0; m < pixels; m++) {
        ek_qs8_dwconv_two_neon(acc[m], EK_FROM(t, m), EK_FROM(t + 1, m), w0, w1);
      }
    }
    if (t < taps) {
      const int8x16_t w0 = vld1q_s8(w);
      w += 16;
      EK_UNROLL for (size_t m = 0; m < pixels; m++) ek_qs8_dwconv_one_neon(acc[m], EK_FROM(t, m), w0);
    }
    if (args->acc) {
      EK_UNROLL for (size_t m = 0; m < pixels; m++) {
        ek_qs8_dwconv_keep_neon(acc[m], args->acc + (m < mr ? m : mr - 1) * EK_NR);
      }
      return;
    }
    EK_UNROLL for (size_t m = 0; m < pixels; m++) {
      int8_t *to = args->c + (m < mr ? m : mr - 1) * args->cm_stride + n;
      ek_qs8_dwconv_finish_neon(&q, acc[m], multiplier, to);
    }
  }
#undef EK_FROM

  for (size_t m = 0; m < mr; m++) ek_qs8_dwconv_rest_neon(m, EK_MR, n, channels, w, args);
}

void ek_qs8_dwconv_ukernel_2x16__neon(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  if (args->taps > EK_MAX_TAPS) {
    ek_qs8_dwconv_tile_neon(0, 2, mr, channels, args);
  } else if (mr > 1) {
    ek_qs8_dwconv_tile_neon(1, 2, mr, channels, args);
  } else {
    ek_qs8_dwconv_tile_neon(1, 1, mr, channels, args);
  }
}

/* Nine pointers fit the registers. */
void ek_qs8_dwconv_ukernel_1x16p9__neon(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr; /* always 1 */
  const ek_requantize_neon q = ek_requantize_neon_load(args->zero_point, args->min, args->max);
  const int8_t *a[9];
  EK_UNROLL for (size_t t = 0; t < 9; t++) a[t] = ek_qs8_dwconv_pointer_neon(args, args->a_offsets[t]);
  const int8_t *w = args->w;
  size_t n = 0;
  for (; n + EK_NR <= channels; n += EK_NR) {
    const int32_t *bias = (const int32_t *)(const void *)w;
    const float *multiplier = (const float *)(const void *)(w + EK_NR * 4);
    int32x4_t acc[4] = {vld1q_s32(bias), vld1q_s32(bias + 4), vld1q_s32(bias + 8), vld1q_s32(bias + 12)};
    w += EK_NR * 8;
    EK_UNROLL for (size_t t = 0; t < 8; t += 2) {
      const int8x16_t w0 = vld1q_s8(w + t * EK_NR), w1 = vld1q_s8(w + (t + 1) * EK_NR);
      ek_qs8_dwconv_two_neon(acc, vld1q_s8(a[t] + n), vld1q_s8(a[t + 1] + n), w0, w1);
    }
    ek_qs8_dwconv_one_neon(acc, vld1q_s8(a[8] + n), vld1q_s8(w + 8 * EK_NR));
    w += 9 * EK_NR;
    if (args->acc) {
      ek_qs8_dwconv_keep_neon(acc, args->acc);
      return;
    }
    ek_qs8_dwconv_finish_neon(&q, acc, multiplier, args->c + n);
  }
  ek_qs8_dwconv_rest_neon(0, 1, n, channels, w, args);
}

#undef EK_MR
#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
