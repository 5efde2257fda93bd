#include <immintrin.h>

#include "ukernels/f32_maxpool/f32_maxpool.h"

#define EK_KERNEL ek_f32_maxpool_ukernel_1x16__avx2
#define EK_LANES 8
#define EK_VECTOR __m256
#define EK_SPLAT _mm256_set1_ps
#define EK_LOAD _mm256_loadu_ps
#define EK_STORE _mm256_storeu_ps
#define EK_MAX _mm256_max_ps
#define EK_MIN _mm256_min_ps
#include "ukernels/f32_maxpool/f32_maxpool_body.h"
