#include <immintrin.h>

#include "ukernels/tile.h"
#include "ukernels/x32_transpose/x32_transpose.h"

void ek_x32_transpose_ukernel_8x8__avx2(size_t rows, size_t cols, const void *src, ptrdiff_t src_stride, void *dst,
                                        ptrdiff_t dst_stride) {
  size_t r = 0;
  for (; r + 8 <= rows; r += 8) {
    const char *from = (const char *)src + (ptrdiff_t)r * src_stride;
    char *to = (char *)dst + r * 4;
    size_t c = 0;
    for (; c + 8 <= cols; c += 8, from += 32, to += 8 * dst_stride) {
      __m256 v[8], t[8];
      EK_UNROLL
      for (int i = 0; i < 8; i++) v[i] = _mm256_loadu_ps((const float *)(const void *)(from + i * src_stride));
      EK_UNROLL
      for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
      }
      EK_UNROLL
      for (int i = 0; i < 8; i += 4) {
        v[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        v[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        v[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        v[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
      }
      EK_UNROLL
      for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps((float *)(void *)(to + i * dst_stride), _mm256_permute2f128_ps(v[i], v[i + 4], 0x20));
        _mm256_storeu_ps((float *)(void *)(to + (i + 4) * dst_stride), _mm256_permute2f128_ps(v[i], v[i + 4], 0x31));
      }
    }
    for (; c < cols; c++, from += 4, to += dst_stride) {
      EK_UNROLL
      for (int i = 0; i < 8; i++) __builtin_memcpy(to + 4 * i, from + i * src_stride, 4);
    }
  }
  if (r < rows) {
    ek_x32_transpose_ukernel_1x1__scalar(rows - r, cols, (const char *)src + (ptrdiff_t)r * src_stride, src_stride,
                                         (char *)dst + r * 4, dst_stride);
  }
}
