/* Copies an N-dimensional block between two layouts: what transpose, slice, concat, tile, expand and pad come down to. */
#ifndef EK_OPS_STRIDED_H
#define EK_OPS_STRIDED_H

#include "ops/op.h"

#define EK_STRIDED_MAX_RANK (2 * EK_MAX_RANK)

/* Element (i0, i1, ...) is copied from src + sum(i * src[]) to dst + sum(i * dst[]). Strides are bytes and may be zero
 * (src only) or negative. The destinations of different elements must differ, and src and dst must not overlap. */
typedef struct ek_strided {
  uint32_t rank;
  size_t item; /* bytes of one element */
  int64_t dims[EK_STRIDED_MAX_RANK];
  int64_t src[EK_STRIDED_MAX_RANK];
  int64_t dst[EK_STRIDED_MAX_RANK];
} ek_strided;

/* Splits the work over the pool. `plan` is taken as a scratch copy. */
void ek_copy_strided(ek_op_context *ctx, ek_strided plan, void *dst, const void *src);

/* Byte strides of a row-major tensor. */
void ek_row_major_strides(uint32_t rank, const int64_t *dims, size_t item, int64_t *strides);

/* memcpy of a large block, split over the pool. Nothing happens when dst == src. */
void ek_copy_bytes(ek_op_context *ctx, void *dst, const void *src, size_t bytes);

/* Sets `count` elements of `item` (1, 2, 4 or 8) bytes to *value. */
void ek_fill_elements(void *dst, const void *value, size_t item, size_t count);

#endif
