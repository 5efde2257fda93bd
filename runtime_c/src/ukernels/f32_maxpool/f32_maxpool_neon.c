#include <arm_neon.h>

#include "ukernels/f32_maxpool/f32_maxpool.h"

#define EK_KERNEL ek_f32_maxpool_ukernel_1x8__neon
#define EK_LANES 4
#define EK_VECTOR float32x4_t
#define EK_SPLAT vdupq_n_f32
#define EK_LOAD vld1q_f32
#define EK_STORE vst1q_f32
#define EK_MAX vmaxq_f32
#define EK_MIN vminq_f32
#include "ukernels/f32_maxpool/f32_maxpool_body.h"
