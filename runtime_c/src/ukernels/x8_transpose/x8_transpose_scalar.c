#include "ukernels/x8_transpose/x8_transpose.h"

void ek_x8_transpose_ukernel_1x1__scalar(size_t rows, size_t cols, const void *src, ptrdiff_t src_stride, void *dst,
                                         ptrdiff_t dst_stride) {
  for (size_t c = 0; c < cols; c++) {
    const char *from = (const char *)src + c * 1;
    char *to = (char *)dst + (ptrdiff_t)c * dst_stride;
    for (size_t r = 0; r < rows; r++, from += src_stride, to += 1) __builtin_memcpy(to, from, 1);
  }
}
