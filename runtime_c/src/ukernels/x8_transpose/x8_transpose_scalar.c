#include "ukernels/x8_transpose/x8_transpose.h"

void ek_x8_transpose_ukernel_1x1__scalar(size_t rows, size_t cols, const void *src, ptrdiff_t src_stride, void *dst,
                                           ptrdiff_t dst_stride) {
  for (size_t c = 0; c < cols; c++) {
    const uint8_t *from = (const uint8_t *)src + c;
    uint8_t *to = (uint8_t *)((char *)dst + (ptrdiff_t)c * dst_stride);
    for (size_t r = 0; r < rows; r++) {
      to[r] = *from;
      from = (const uint8_t *)((const char *)from + src_stride);
    }
  }
}
