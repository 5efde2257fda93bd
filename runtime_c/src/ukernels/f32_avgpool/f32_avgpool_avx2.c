#include <immintrin.h>

#include "ukernels/f32_avgpool/f32_avgpool.h"

#define EK_KERNEL ek_f32_avgpool_ukernel_1x16__avx2
#define EK_LANES 8
#define EK_VECTOR __m256
#define EK_SPLAT _mm256_set1_ps
#define EK_LOAD _mm256_loadu_ps
#define EK_STORE _mm256_storeu_ps
#define EK_ADD _mm256_add_ps
#define EK_MUL _mm256_mul_ps
#include "ukernels/f32_avgpool/f32_avgpool_body.h"
