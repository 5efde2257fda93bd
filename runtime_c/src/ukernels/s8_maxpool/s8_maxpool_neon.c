#include <arm_neon.h>

#include "ukernels/s8_maxpool/s8_maxpool.h"

#define EK_KERNEL ek_s8_maxpool_ukernel_1x16__neon
#define EK_LANES 16
#define EK_VECTOR int8x16_t
#define EK_SPLAT vdupq_n_s8
#define EK_LOAD vld1q_s8
#define EK_STORE vst1q_s8
#define EK_MAX vmaxq_s8
#define EK_MIN vminq_s8
#include "ukernels/s8_maxpool/s8_maxpool_body.h"
