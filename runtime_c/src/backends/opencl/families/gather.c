/* Taking elements by tables of positions: Gather, and Pad in the modes that repeat the input. */
#include "backends/opencl/families/families.h"
#include "base/sizes.h"

static int64_t dims_between(const ek_tensor *t, uint32_t from, uint32_t to) {
  int64_t n = 1;
  for (uint32_t i = from; i < to && i < t->rank; i++) n *= t->dims[i];
  return n;
}

ek_status ek_cl_emit_taken(ek_cl_build *b, const ek_cl_taken *axes) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  const size_t item = ek_dtype_size(x->dtype);
  ek_cl_begin(b, EK_CL_FILE_RESIZE,
              item == 1   ? "resize_nearest_1"
              : item == 2 ? "resize_nearest_2"
              : item == 4 ? "resize_nearest_4"
                          : "resize_nearest_8");
  ek_cl_arg_tensor(b, x);
  ek_cl_arg_tensor(b, y);
  ek_cl_arg_int(b, ek_tensor_elements(y));
  ek_cl_arg_int(b, axes[0].in);
  ek_cl_arg_int(b, axes[0].out);
  ek_cl_arg_int(b, dims_between(x, axes[0].at + 1, axes[1].at));
  ek_cl_arg_int(b, axes[1].in);
  ek_cl_arg_int(b, axes[1].out);
  ek_cl_arg_int(b, dims_between(x, axes[1].at + 1, x->rank));
  for (uint32_t i = 0; i < 2; i++)
    ek_cl_arg_data(b, axes[i].index, ek_mul_size((size_t)axes[i].out, sizeof *axes[i].index));
  return ek_cl_end(b, ek_tensor_elements(y), 1, 1);
}

/* Fills the table; false where an index lies outside, which the CPU reports. `to` is NULL while dry. */
static bool read_indices(const ek_tensor *t, int64_t dim, int32_t *to) {
  const int64_t n = ek_tensor_elements(t);
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = t->dtype == EK_I64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
    if (at < -dim || at >= dim) return false;
    if (to != NULL) to[i] = (int32_t)(at < 0 ? at + dim : at);
  }
  return true;
}

ek_status ek_cl_build_gather(ek_cl_build *b) {
  const ek_gather_attrs *attrs = b->ctx->attrs;
  const ek_tensor *x = ek_input(b->ctx, 0), *indices = ek_input(b->ctx, 1);
  static const int32_t zero = 0;
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(b->ctx, attrs->axis, x->rank, &axis));
  if (!indices->is_constant || (indices->dtype != EK_I64 && indices->dtype != EK_I32))
    return ek_cl_decline(b, "indices that are no constants");
  const int64_t count = ek_tensor_elements(indices);
  int32_t *table = ek_cl_temporary(b, ek_mul_size((size_t)count + 1, sizeof *table));
  ek_status status = EK_OK;
  if (!read_indices(indices, x->dims[axis], table)) {
    status = ek_cl_decline(b, "an index outside the axis");
  } else if (ek_tensor_elements(ek_output(b->ctx, 0)) != 0) {
    const ek_cl_taken axes[2] = {{axis, x->dims[axis], count, table}, {x->rank, 1, 1, &zero}};
    status = ek_cl_emit_taken(b, axes);
  }
  ek_cl_free_temporary(b, table);
  return status;
}

/* The element of a dimension of n that stands at position i, which may lie outside. */
static int64_t repeated(int64_t i, int64_t n, uint8_t mode) {
  if (mode == EK_PAD_MODE_EDGE) return i < 0 ? 0 : i >= n ? n - 1 : i;
  const int64_t period = mode == EK_PAD_MODE_WRAP ? n : n > 1 ? 2 * (n - 1) : 1;
  const int64_t at = (i % period + period) % period;
  return at < n ? at : period - at;
}

ek_status ek_cl_build_pad_repeat(ek_cl_build *b, const int64_t *before, const int64_t *after, uint8_t mode) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  static const int32_t zero = 0;
  ek_cl_taken axes[2] = {{x->rank, 1, 1, &zero}, {x->rank, 1, 1, &zero}};
  int32_t *tables[2] = {NULL, NULL};
  uint32_t count = 0;
  if (ek_tensor_elements(y) == 0) return EK_OK;
  for (uint32_t i = 0; i < x->rank; i++) {
    if (before[i] == 0 && after[i] == 0) continue;
    if (count == 2) return ek_cl_decline(b, "more than two padded axes in a mode that repeats the input");
    axes[count++] = (ek_cl_taken){i, x->dims[i], y->dims[i], NULL};
  }
  for (uint32_t k = 0; k < count; k++) {
    const int64_t first = before[axes[k].at], last = after[axes[k].at], cut = first < 0 ? -first : 0;
    const int64_t kept = axes[k].in - cut + (last < 0 ? last : 0);
    tables[k] = ek_cl_temporary(b, ek_mul_size((size_t)axes[k].out, sizeof *tables[k]));
    for (int64_t i = 0; tables[k] != NULL && i < axes[k].out; i++) {
      tables[k][i] = (int32_t)(cut + repeated(i - (first > 0 ? first : 0), kept, mode));
    }
    axes[k].index = tables[k];
  }
  const ek_status status = ek_cl_emit_taken(b, axes);
  ek_cl_free_temporary(b, tables[0]);
  ek_cl_free_temporary(b, tables[1]);
  return status;
}
