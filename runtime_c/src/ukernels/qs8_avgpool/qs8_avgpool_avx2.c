#include <immintrin.h>

#include "ukernels/qs8_avgpool/qs8_avgpool.h"

#include "base/requantize.h"

#define EK_KERNEL ek_qs8_avgpool_ukernel_1x16__avx2
#define EK_LANES 8
#define EK_VECTOR __m256i
#define EK_SPLAT _mm256_set1_epi32
#define EK_STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define EK_ACCUMULATE(x0, x1, p)                                                       \
  do {                                                                                 \
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p));         \
    x0 = _mm256_add_epi32(x0, _mm256_cvtepi8_epi32(bytes));                            \
    x1 = _mm256_add_epi32(x1, _mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes))); \
  } while (0)
#include "ukernels/qs8_avgpool/qs8_avgpool_body.h"
