#include "ops/normalization/rows.h"

static ek_rows split(const ek_tensor *x, uint32_t first, uint32_t behind) {
  ek_rows r = {1, 1, 1};
  for (uint32_t i = 0; i < x->rank; i++) {
    size_t *part = i < first ? &r.outer : i < behind ? &r.length : &r.inner;
    *part *= (size_t)x->dims[i];
  }
  if (r.inner == 0 || r.outer == 0) { /* no element, no row */
    const ek_rows none = {0, 1, 1};
    return none;
  }
  return r;
}

ek_status ek_rows_along(ek_op_context *ctx, const ek_tensor *x, int64_t axis, ek_rows *out) {
  uint32_t a;
  EK_TRY(ek_normalize_axis(ctx, axis, x->rank, &a));
  *out = split(x, a, a + 1);
  return EK_OK;
}

ek_status ek_rows_from(ek_op_context *ctx, const ek_tensor *x, int64_t axis, ek_rows *out) {
  uint32_t a;
  EK_TRY(ek_normalize_axis(ctx, axis, x->rank, &a));
  *out = split(x, a, x->rank);
  return EK_OK;
}

void ek_rows_run(ek_thread_pool *pool, const ek_rows *rows, ek_range_fn fn, void *argument) {
  const size_t length = rows->length;
  ek_parallel_for(pool, ek_rows_count(rows), length < 2048 ? 2048 / (length != 0 ? length : 1) : 1, fn, argument);
}

double ek_row_sum(const float *x, size_t length, size_t stride) {
  double s[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= length; i += 4) {
    for (size_t j = 0; j < 4; j++) {
      s[j] += (double)x[(i + j) * stride];
    }
  }
  for (; i < length; i++) {
    s[0] += (double)x[i * stride];
  }
  return (s[0] + s[1]) + (s[2] + s[3]);
}

double ek_row_sum_squares(const float *x, size_t length, size_t stride, double shift) {
  double s[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= length; i += 4) {
    for (size_t j = 0; j < 4; j++) {
      const double v = (double)x[(i + j) * stride] - shift;
      s[j] += v * v;
    }
  }
  for (; i < length; i++) {
    const double v = (double)x[i * stride] - shift;
    s[0] += v * v;
  }
  return (s[0] + s[1]) + (s[2] + s[3]);
}

ek_status ek_rows_norm_shape(ek_op_context *ctx, int64_t axis, uint32_t operands) {
  const ek_tensor *x = ek_input(ctx, 0);
  uint32_t first;
  EK_TRY(ek_normalize_axis(ctx, axis, x->rank, &first));
  for (uint32_t i = 1; i <= operands; i++) {
    const ek_tensor *v = ek_input(ctx, i);
    bool fits = v == NULL || v->rank == x->rank - first;
    for (uint32_t d = first; v != NULL && fits && d < x->rank; d++) {
      fits = v->dims[d - first] == x->dims[d];
    }
    if (!fits) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "input %u needs the shape of the normalized dimensions", i);
    }
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

ek_status ek_rows_prepare_f32(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_tensor *x = ek_input(ctx, 0);
  (void)memory;
  return x->dtype == EK_F32 ? EK_OK : ek_op_unsupported_type(ctx, x);
}
