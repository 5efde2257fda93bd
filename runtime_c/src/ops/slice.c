/* Slice: a range with a step along some axes. */
#include <string.h>

#include "ek_ops_gen.h"
#include "ops/strided.h"

typedef struct slice_range {
  int64_t start[EK_MAX_RANK], step[EK_MAX_RANK], length[EK_MAX_RANK];
} slice_range;

static ek_status read_list(ek_op_context *ctx, uint32_t input, uint32_t expected, int64_t *values, uint32_t *count) {
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, input), values, EK_MAX_RANK, count));
  if (*count != expected) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "starts, ends, axes and steps differ in length");
  }
  return EK_OK;
}

/* A position counted from the front and limited to [low, high]. */
static int64_t limited(int64_t at, int64_t dim, int64_t low, int64_t high) {
  if (at < 0) at = at < -dim ? -1 : at + dim;
  return at < low ? low : at > high ? high : at;
}

static ek_status read_ranges(ek_op_context *ctx, slice_range *r) {
  const ek_tensor *x = ek_input(ctx, 0);
  int64_t starts[EK_MAX_RANK], ends[EK_MAX_RANK], axes[EK_MAX_RANK], steps[EK_MAX_RANK];
  uint32_t n = 0, m = 0, seen = 0;
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 1), starts, EK_MAX_RANK, &n));
  EK_TRY(read_list(ctx, 2, n, ends, &m));
  if (ek_input(ctx, 3) != NULL) EK_TRY(read_list(ctx, 3, n, axes, &m));
  if (ek_input(ctx, 4) != NULL) EK_TRY(read_list(ctx, 4, n, steps, &m));
  for (uint32_t i = 0; i < x->rank; i++) {
    r->start[i] = 0;
    r->step[i] = 1;
    r->length[i] = x->dims[i];
  }
  for (uint32_t k = 0; k < n; k++) {
    uint32_t a = 0;
    EK_TRY(ek_normalize_axis(ctx, ek_input(ctx, 3) != NULL ? axes[k] : (int64_t)k, x->rank, &a));
    const int64_t step = ek_input(ctx, 4) != NULL ? steps[k] : 1, dim = x->dims[a];
    if (step == 0 || (seen >> a & 1u) != 0) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, step == 0 ? "the step of axis %u is 0" : "axis %u stands twice", a);
    }
    seen |= 1u << a;
    if (step > 0) {
      const int64_t start = limited(starts[k], dim, 0, dim), end = limited(ends[k], dim, 0, dim);
      r->start[a] = start;
      r->length[a] = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
      const int64_t start = limited(starts[k], dim, -1, dim - 1), end = limited(ends[k], dim, -1, dim - 1);
      r->start[a] = start;
      /* -(step + 1) does not overflow, -step might */
      r->length[a] = start > end ? (int64_t)((uint64_t)(start - end - 1) / ((uint64_t)(-(step + 1)) + 1)) + 1 : 0;
    }
    r->step[a] = r->length[a] > 1 ? step : 1;
  }
  return EK_OK;
}

static ek_status slice_shape(ek_op_context *ctx) {
  slice_range r;
  EK_TRY(read_ranges(ctx, &r));
  return ek_set_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0)->rank, r.length);
}

static ek_status slice_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  slice_range r;
  int64_t strides[EK_MAX_RANK];
  ek_strided plan = {.rank = x->rank, .item = ek_dtype_size(x->dtype)};
  EK_TRY(read_ranges(ctx, &r));
  if (ek_tensor_elements(y) == 0) return EK_OK;
  const char *from = x->data;
  ek_row_major_strides(x->rank, x->dims, plan.item, strides);
  ek_row_major_strides(y->rank, y->dims, plan.item, plan.dst);
  for (uint32_t i = 0; i < x->rank; i++) {
    plan.dims[i] = r.length[i];
    plan.src[i] = strides[i] * r.step[i];
    from += r.start[i] * strides[i];
  }
  if (from != y->data) ek_copy_strided(ctx, plan, y->data, from);
  return EK_OK;
}

const ek_op ek_op_slice = {"Slice", slice_shape, NULL, NULL, slice_run};
