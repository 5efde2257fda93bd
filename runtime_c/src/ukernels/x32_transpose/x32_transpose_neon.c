#include <arm_neon.h>

#include "ukernels/x32_transpose/x32_transpose.h"

void ek_x32_transpose_ukernel_4x4__neon(size_t rows, size_t cols, const void *src, ptrdiff_t src_stride, void *dst,
                                        ptrdiff_t dst_stride) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const char *from = (const char *)src + (ptrdiff_t)r * src_stride;
    char *to = (char *)dst + r * 4;
    size_t c = 0;
    for (; c + 4 <= cols; c += 4, from += 16, to += 4 * dst_stride) {
      const uint32x4_t a = vreinterpretq_u32_u8(vld1q_u8((const uint8_t *)from));
      const uint32x4_t b = vreinterpretq_u32_u8(vld1q_u8((const uint8_t *)(from + src_stride)));
      const uint32x4_t d = vreinterpretq_u32_u8(vld1q_u8((const uint8_t *)(from + 2 * src_stride)));
      const uint32x4_t e = vreinterpretq_u32_u8(vld1q_u8((const uint8_t *)(from + 3 * src_stride)));
      const uint64x2_t ab0 = vreinterpretq_u64_u32(vtrn1q_u32(a, b)), ab1 = vreinterpretq_u64_u32(vtrn2q_u32(a, b));
      const uint64x2_t de0 = vreinterpretq_u64_u32(vtrn1q_u32(d, e)), de1 = vreinterpretq_u64_u32(vtrn2q_u32(d, e));
      vst1q_u8((uint8_t *)to, vreinterpretq_u8_u64(vtrn1q_u64(ab0, de0)));
      vst1q_u8((uint8_t *)(to + dst_stride), vreinterpretq_u8_u64(vtrn1q_u64(ab1, de1)));
      vst1q_u8((uint8_t *)(to + 2 * dst_stride), vreinterpretq_u8_u64(vtrn2q_u64(ab0, de0)));
      vst1q_u8((uint8_t *)(to + 3 * dst_stride), vreinterpretq_u8_u64(vtrn2q_u64(ab1, de1)));
    }
    for (; c < cols; c++, from += 4, to += dst_stride) {
      for (int i = 0; i < 4; i++) __builtin_memcpy(to + 4 * i, from + i * src_stride, 4);
    }
  }
  if (r < rows) {
    ek_x32_transpose_ukernel_1x1__scalar(rows - r, cols, (const char *)src + (ptrdiff_t)r * src_stride, src_stride,
                                         (char *)dst + r * 4, dst_stride);
  }
}
