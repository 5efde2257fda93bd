#include <arm_neon.h>

#include "ukernels/s32_vfixed/s32_vfixed.h"

static inline int32x4_t ek_s32_vfixed_four_neon(const int32_t *acc, const int32_t *multiplier, const int32_t *shift,
                                                int32x4_t away) {
  const int32x4_t s = vld1q_s32(shift), q = vld1q_s32(multiplier);
  const int32x4_t right = vminq_s32(s, vdupq_n_s32(0)); /* negative: vrshl shifts to the right */
  const int32x4_t a = vshlq_s32(vld1q_s32(acc), vmaxq_s32(s, vdupq_n_s32(0)));
  const int32x4_t t = vqrdmulhq_s32(a, q); /* never saturates: q is not negative */
  /* Ties go up, unless negative numbers were made smaller by one before; where nothing is shifted out they stay. */
  const int32x4_t less = vandq_s32(vandq_s32(vshrq_n_s32(t, 31), vshrq_n_s32(right, 31)), away);
  return vrshlq_s32(vqaddq_s32(t, less), right);
}

void ek_s32_vfixed_ukernel_x8__neon(size_t n, const int32_t *acc, const int32_t *multiplier, const int32_t *shift,
                                    int8_t *y, const ek_s32_vfixed_params *params) {
  const int32x4_t away = vdupq_n_s32(params->away ? -1 : 0), zero_point = vdupq_n_s32(params->zero_point);
  const int32x4_t low = vdupq_n_s32(params->min - params->zero_point);
  const int32x4_t high = vdupq_n_s32(params->max - params->zero_point);
  for (size_t i = 0; i < n; i += 8) {
    int32x4_t u[2];
    for (size_t k = 0; k < 2; k++) {
      u[k] = ek_s32_vfixed_four_neon(acc + i + 4 * k, multiplier + i + 4 * k, shift + i + 4 * k, away);
      u[k] = vaddq_s32(vminq_s32(vmaxq_s32(u[k], low), high), zero_point);
    }
    const int8x8_t bytes = vmovn_s16(vcombine_s16(vmovn_s32(u[0]), vmovn_s32(u[1])));
    if (n - i >= 8) {
      vst1_s8(y + i, bytes);
    } else {
      const uint64_t bits = vget_lane_u64(vreinterpret_u64_s8(bytes), 0);
      __builtin_memcpy(y + i, &bits, n - i);
    }
  }
}
