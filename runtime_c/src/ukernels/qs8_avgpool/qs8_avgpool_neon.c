#include <arm_neon.h>

#include "ukernels/qs8_avgpool/qs8_avgpool.h"

#include "base/requantize.h"

#define EK_KERNEL ek_qs8_avgpool_ukernel_1x8__neon
#define EK_LANES 4
#define EK_VECTOR int32x4_t
#define EK_SPLAT vdupq_n_s32
#define EK_STORE vst1q_s32
#define EK_ACCUMULATE(x0, x1, p)                 \
  do {                                           \
    const int16x8_t wide = vmovl_s8(vld1_s8(p)); \
    x0 = vaddw_s16(x0, vget_low_s16(wide));      \
    x1 = vaddw_high_s16(x1, wide);               \
  } while (0)
#include "ukernels/qs8_avgpool/qs8_avgpool_body.h"
