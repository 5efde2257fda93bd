/* base/requantize.h for NEON: eight accumulators to eight int8. The conversions saturate, so clamping comes last; a
 * value that saturated on the way lies outside [min, max] before and after, hence the same result. */
#ifndef EK_UKERNELS_REQUANTIZE_NEON_H
#define EK_UKERNELS_REQUANTIZE_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ek_requantize_neon {
  int16x8_t zero_point;
  int8x8_t min, max;
} ek_requantize_neon;

static inline ek_requantize_neon ek_requantize_neon_load(int32_t zero_point, int32_t min, int32_t max) {
  const ek_requantize_neon q = {vdupq_n_s16((int16_t)zero_point), vdup_n_s8((int8_t)min), vdup_n_s8((int8_t)max)};
  return q;
}

static inline int8x8_t ek_requantize_8_neon(const ek_requantize_neon *q, int32x4_t acc0, int32x4_t acc1,
                                            float32x4_t multiplier0, float32x4_t multiplier1) {
  const int32x4_t x0 = vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(acc0), multiplier0));
  const int32x4_t x1 = vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(acc1), multiplier1));
  const int16x8_t x = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(x0), x1), q->zero_point);
  return vmin_s8(vmax_s8(vqmovn_s16(x), q->min), q->max);
}

/* Stores the first `count` (any number, 8 at most are stored) of eight int8. */
static inline void ek_store_int8_neon(int8_t *to, size_t count, int8x8_t x) {
  if (count >= 8) {
    vst1_s8(to, x);
    return;
  }
  uint64_t bits = vget_lane_u64(vreinterpret_u64_s8(x), 0);
  if (count & 4) {
    __builtin_memcpy(to, &bits, 4);
    bits >>= 32;
    to += 4;
  }
  if (count & 2) {
    __builtin_memcpy(to, &bits, 2);
    bits >>= 16;
    to += 2;
  }
  if (count & 1) __builtin_memcpy(to, &bits, 1);
}

#endif
