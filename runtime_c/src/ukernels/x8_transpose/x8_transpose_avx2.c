#include <immintrin.h>

#include "ukernels/tile.h"
#include "ukernels/x8_transpose/x8_transpose.h"

/* 16 rows of 16 bytes. Interleaving row i with row i + 8, four times over, is a transposition. */
void ek_x8_transpose_ukernel_16x16__avx2(size_t rows, size_t cols, const void *src, ptrdiff_t src_stride, void *dst,
                                         ptrdiff_t dst_stride) {
  size_t r = 0;
  for (; r + 16 <= rows; r += 16) {
    const char *from = (const char *)src + (ptrdiff_t)r * src_stride;
    char *to = (char *)dst + r;
    size_t c = 0;
    for (; c + 16 <= cols; c += 16, from += 16, to += 16 * dst_stride) {
      __m128i v[16], t[16];
      EK_UNROLL
      for (int i = 0; i < 16; i++) v[i] = _mm_loadu_si128((const __m128i *)(const void *)(from + i * src_stride));
      EK_UNROLL
      for (int round = 0; round < 2; round++) {
        EK_UNROLL
        for (int i = 0; i < 8; i++) {
          t[2 * i] = _mm_unpacklo_epi8(v[i], v[i + 8]);
          t[2 * i + 1] = _mm_unpackhi_epi8(v[i], v[i + 8]);
        }
        EK_UNROLL
        for (int i = 0; i < 8; i++) {
          v[2 * i] = _mm_unpacklo_epi8(t[i], t[i + 8]);
          v[2 * i + 1] = _mm_unpackhi_epi8(t[i], t[i + 8]);
        }
      }
      EK_UNROLL
      for (int i = 0; i < 16; i++) _mm_storeu_si128((__m128i *)(void *)(to + i * dst_stride), v[i]);
    }
    for (; c < cols; c++, from++, to += dst_stride) {
      EK_UNROLL
      for (int i = 0; i < 16; i++) to[i] = from[i * src_stride];
    }
  }
  if (r < rows) {
    ek_x8_transpose_ukernel_1x1__scalar(rows - r, cols, (const char *)src + (ptrdiff_t)r * src_stride, src_stride,
                                        (char *)dst + r, dst_stride);
  }
}
