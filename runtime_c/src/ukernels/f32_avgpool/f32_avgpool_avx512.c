#include <immintrin.h>

#include "ukernels/f32_avgpool/f32_avgpool.h"

#define EK_KERNEL ek_f32_avgpool_ukernel_1x32__avx512
#define EK_LANES 16
#define EK_VECTOR __m512
#define EK_SPLAT _mm512_set1_ps
#define EK_LOAD _mm512_loadu_ps
#define EK_STORE _mm512_storeu_ps
#define EK_ADD _mm512_add_ps
#define EK_MUL _mm512_mul_ps
#include "ukernels/f32_avgpool/f32_avgpool_body.h"
