#include <immintrin.h>

#include "ukernels/f32_maxpool/f32_maxpool.h"

#define EK_KERNEL ek_f32_maxpool_ukernel_1x32__avx512
#define EK_LANES 16
#define EK_VECTOR __m512
#define EK_SPLAT _mm512_set1_ps
#define EK_LOAD _mm512_loadu_ps
#define EK_STORE _mm512_storeu_ps
#define EK_MAX _mm512_max_ps
#define EK_MIN _mm512_min_ps
#include "ukernels/f32_maxpool/f32_maxpool_body.h"
