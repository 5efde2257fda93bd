#include <immintrin.h>

#include "ukernels/s8_maxpool/s8_maxpool.h"

#define EK_KERNEL ek_s8_maxpool_ukernel_1x32__avx2
#define EK_LANES 32
#define EK_VECTOR __m256i
#define EK_SPLAT _mm256_set1_epi8
#define EK_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define EK_STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define EK_MAX _mm256_max_epi8
#define EK_MIN _mm256_min_epi8
#include "ukernels/s8_maxpool/s8_maxpool_body.h"
