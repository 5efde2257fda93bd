/* Reading indices, and copying single elements of any type. */
#ifndef EK_OPS_INDEX_H
#define EK_OPS_INDEX_H

#include <string.h>

#include "ops/op.h"

/* The i-th element of an i32 or i64 tensor. */
static inline int64_t ek_index_at(const ek_tensor *t, int64_t i) {
  return t->dtype == EK_I64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
}

/* Copies one element of `item` bytes; the common sizes need no call. */
static inline void ek_copy_item(void *dst, const void *src, size_t item) {
  switch (item) {
    case 1: memcpy(dst, src, 1); break;
    case 2: memcpy(dst, src, 2); break;
    case 4: memcpy(dst, src, 4); break;
    case 8: memcpy(dst, src, 8); break;
    default: memcpy(dst, src, item); break;
  }
}

/* Fails unless `count` indices, `step` apart from element `first` on, lie in [-dim, dim). */
ek_status ek_check_indices(ek_op_context *ctx, const ek_tensor *indices, int64_t first, int64_t step, int64_t count,
                           int64_t dim);

/* The product of dims[begin..end). No overflow: dims are those of a tensor. Zero dims elsewhere may hide a large product,
 * so it saturates. */
int64_t ek_dims_product(const int64_t *dims, uint32_t begin, uint32_t end);

/* The data of an input of exactly one element, or EK_ERR_SHAPE. NULL data gives EK_SHAPE_NOT_YET. */
ek_status ek_scalar_data(ek_op_context *ctx, const ek_tensor *t, const void **data);
/* The same for an i64 or i32 number; `absent` where the input is not there. */
ek_status ek_scalar_int(ek_op_context *ctx, const ek_tensor *t, int64_t absent, int64_t *value);

#endif
