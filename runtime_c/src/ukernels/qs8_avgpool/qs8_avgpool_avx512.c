#include <immintrin.h>

#include "ukernels/qs8_avgpool/qs8_avgpool.h"

#include "base/requantize.h"

#define EK_KERNEL ek_qs8_avgpool_ukernel_1x32__avx512
#define EK_LANES 16
#define EK_VECTOR __m512i
#define EK_SPLAT _mm512_set1_epi32
#define EK_STORE(p, v) _mm512_storeu_si512(p, v)
#define EK_ACCUMULATE(x0, x1, p)                                                         \
  do {                                                                                   \
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(p));        \
    x0 = _mm512_add_epi32(x0, _mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes)));      \
    x1 = _mm512_add_epi32(x1, _mm512_cvtepi8_epi32(_mm256_extracti128_si256(bytes, 1))); \
  } while (0)
#include "ukernels/qs8_avgpool/qs8_avgpool_body.h"
