#include <arm_neon.h>

#include "ukernels/qs8_dwconv/qs8_dwconv.h"
#include "ukernels/requantize_neon.h"
#include "ukernels/tile.h"

#define EK_NR 16
#define EK_MAX_TAPS 25

#define EK_POINTER(t) ek_qs8_dwconv_pointer_neon(args, args->a_offsets[t])

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

/* `fixed` is the constant number of taps, 0 for any. With fixed taps the pointers are computed once and the loop
 * unrolled. */
EK_TILE_BODY void ek_qs8_dwconv_tile_neon(const size_t fixed, size_t channels, const ek_qs8_dwconv_args *args) {
  const size_t taps = fixed ? fixed : args->taps;
  const ek_requantize_neon q = ek_requantize_neon_load(args->zero_point, args->min, args->max);
  const int8_t *a[EK_MAX_TAPS];
  EK_UNROLL for (size_t t = 0; t < fixed; t++) a[t] = EK_POINTER(t);
  const int8_t *w = args->w;
  int8_t *c = args->c;
  size_t n = 0;

#define EK_FROM(t) vld1q_s8((fixed ? a[t] : EK_POINTER(t)) + n)
  for (; n + EK_NR <= channels; n += EK_NR) {
    const int32_t *bias = (const int32_t *)(const void *)w;
    const float *multiplier = (const float *)(const void *)(w + EK_NR * 4);
    int32x4_t acc[4] = {vld1q_s32(bias), vld1q_s32(bias + 4), vld1q_s32(bias + 8), vld1q_s32(bias + 12)};
    w += EK_NR * 8;
    if (fixed) {
      EK_UNROLL for (size_t t = 0; t < fixed / 2; t++) {
        ek_qs8_dwconv_two_neon(acc, EK_FROM(2 * t), EK_FROM(2 * t + 1), vld1q_s8(w), vld1q_s8(w + 16));
        w += 32;
      }
    } else {
      for (size_t t = 0; t + 2 <= taps; t += 2) {
        ek_qs8_dwconv_two_neon(acc, EK_FROM(t), EK_FROM(t + 1), vld1q_s8(w), vld1q_s8(w + 16));
        w += 32;
      }
    }
    if (taps % 2) {
      ek_qs8_dwconv_one_neon(acc, EK_FROM(taps - 1), vld1q_s8(w));
      w += 16;
    }
    vst1_s8(c + n, ek_requantize_8_neon(&q, acc[0], acc[1], vld1q_f32(multiplier), vld1q_f32(multiplier + 4)));
    vst1_s8(c + n + 8, ek_requantize_8_neon(&q, acc[2], acc[3], vld1q_f32(multiplier + 8), vld1q_f32(multiplier + 12)));
  }
#undef EK_FROM

  /* Up to fifteen channels are left, eight at a time. */
  const float *multiplier = (const float *)(const void *)(w + EK_NR * 4);
  const int32_t *bias = (const int32_t *)(const void *)w;
  w += EK_NR * 8;
  for (; n < channels; n += 8, w += 8, bias += 8, multiplier += 8) {
    const size_t count = channels - n;
    int32x4_t acc0 = vld1q_s32(bias), acc1 = vld1q_s32(bias + 4);
    for (size_t t = 0; t < args->taps; t++) {
      const int8_t *from = EK_POINTER(t) + n;
      const int8x8_t x = count >= 8 ? vld1_s8(from) : ek_qs8_dwconv_load_neon(from, count);
      const int16x8_t product = vmull_s8(x, vld1_s8(w + t * EK_NR));
      acc0 = vaddw_s16(acc0, vget_low_s16(product));
      acc1 = vaddw_high_s16(acc1, product);
    }
    ek_store_int8_neon(c + n, count,
                       ek_requantize_8_neon(&q, acc0, acc1, vld1q_f32(multiplier), vld1q_f32(multiplier + 4)));
  }
}

void ek_qs8_dwconv_ukernel_1x16__neon(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr; /* always 1, here and below */
  ek_qs8_dwconv_tile_neon(0, channels, args);
}

void ek_qs8_dwconv_ukernel_1x16p9__neon(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr;
  ek_qs8_dwconv_tile_neon(9, channels, args);
}

void ek_qs8_dwconv_ukernel_1x16p25__neon(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  (void)mr;
  ek_qs8_dwconv_tile_neon(25, channels, args);
}

#undef EK_NR
#undef EK_MAX_TAPS
#undef EK_POINTER
