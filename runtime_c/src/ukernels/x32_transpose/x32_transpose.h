/* x32_transpose: transposes a matrix of 32-bit elements of any meaning.
 *
 *   dst[c][r] = src[r][c]      r < rows, c < cols
 *
 * Row r of src starts at src + r * src_stride bytes and holds cols elements; row c of dst starts at dst + c * dst_stride
 * bytes and receives rows elements. Nothing else is read or written. src and dst do not overlap; no alignment is needed
 * at all. MR x NR is the block handled at once. */
#ifndef EK_UKERNELS_X32_TRANSPOSE_H
#define EK_UKERNELS_X32_TRANSPOSE_H

#include "ukernels/ukernel.h"

typedef void ek_x32_transpose_fn(size_t rows, size_t cols, const void *src, ptrdiff_t src_stride, void *dst,
                                 ptrdiff_t dst_stride);
EK_UKERNEL_FAMILY(x32_transpose)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/x32_transpose/x32_transpose.inc"
#undef EK_UKERNEL

#endif
