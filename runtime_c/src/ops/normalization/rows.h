/* Operators that work along one axis (or over a contiguous block), row by row. */
#ifndef EK_OPS_NORMALIZATION_ROWS_H
#define EK_OPS_NORMALIZATION_ROWS_H

#include "ops/op.h"

/* A tensor as outer x length x inner: a row is `length` elements, `inner` apart. */
typedef struct ek_rows {
  size_t outer, length, inner;
} ek_rows;

/* Rows along one axis. */
ek_status ek_rows_along(ek_op_context *ctx, const ek_tensor *x, int64_t axis, ek_rows *out);
/* Rows over all dimensions from `axis` on: inner is 1. */
ek_status ek_rows_from(ek_op_context *ctx, const ek_tensor *x, int64_t axis, ek_rows *out);

/* `shape` of a norm over all dimensions from `axis` on whose `operands` inputs behind x have the shape of those dimensions. */
ek_status ek_rows_norm_shape(ek_op_context *ctx, int64_t axis, uint32_t operands);
/* `prepare` of an operator whose first input must be float32 and which needs no memory. */
ek_status ek_rows_prepare_f32(ek_op_context *ctx, ek_op_memory *memory);

static inline size_t ek_rows_count(const ek_rows *r) { return r->length != 0 ? r->outer * r->inner : 0; }
/* Where row i begins, in elements. */
static inline size_t ek_rows_start(const ek_rows *r, size_t i) {
  return i / r->inner * r->length * r->inner + i % r->inner;
}

/* Runs `fn` over all rows. */
void ek_rows_run(ek_thread_pool *pool, const ek_rows *rows, ek_range_fn fn, void *argument);

/* Sums in double of a strided row, in four interleaved chains. */
double ek_row_sum(const float *x, size_t length, size_t stride);
/* Sum of (x - shift)^2. */
double ek_row_sum_squares(const float *x, size_t length, size_t stride, double shift);

#endif
