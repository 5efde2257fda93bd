#include <immintrin.h>

#include "ukernels/s8_maxpool/s8_maxpool.h"

#define EK_KERNEL ek_s8_maxpool_ukernel_1x64__avx512
#define EK_LANES 64
#define EK_VECTOR __m512i
#define EK_SPLAT _mm512_set1_epi8
#define EK_LOAD(p) _mm512_loadu_si512(p)
#define EK_STORE(p, v) _mm512_storeu_si512(p, v)
#define EK_MAX _mm512_max_epi8
#define EK_MIN _mm512_min_epi8
#include "ukernels/s8_maxpool/s8_maxpool_body.h"
