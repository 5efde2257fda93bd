#include "ops/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int64_t ek_tensor_elements(const ek_tensor *t) {
  int64_t n = 1;
  for (uint32_t i = 0; i < t->rank; i++) {
    if (t->dims[i] == 0) {
      return 0;
    }
  }
  for (uint32_t i = 0; i < t->rank; i++) {
    if (n > INT64_MAX / t->dims[i]) {
      return INT64_MAX;
    }
    n *= t->dims[i];
  }
  return n;
}

size_t ek_tensor_bytes(const ek_tensor *t) {
  const int64_t n = ek_tensor_elements(t);
  const size_t item = ek_dtype_size(t->dtype);
  return item != 0 && (uint64_t)n > SIZE_MAX / item ? SIZE_MAX : (size_t)n * item;
}

bool ek_tensor_has_data(const ek_tensor *t) { return t->data != NULL; }

ek_status ek_op_fail(ek_op_context *ctx, ek_status status, const char *format, ...) {
  char detail[EK_ERROR_TEXT / 2];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(detail, sizeof detail, format, args);
  va_end(args);
  return ek_fail(ctx->error, status, "node '%s': %s", ctx->name != NULL ? ctx->name : "", detail);
}

ek_status ek_op_unsupported_type(ek_op_context *ctx, const ek_tensor *t) {
  return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "no kernel for element type %d of '%s'%s", (int)t->dtype,
                    t->name != NULL ? t->name : "", t->quant != NULL ? " (quantized)" : "");
}

ek_status ek_set_dims(ek_op_context *ctx, ek_tensor *t, uint32_t rank, const int64_t *dims) {
  if (rank > EK_MAX_RANK) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "rank %u is above %d", rank, EK_MAX_RANK);
  }
  bool empty = false;
  for (uint32_t i = 0; i < rank; i++) {
    if (dims[i] < 0) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u of the output would be %lld", i, (long long)dims[i]);
    }
    empty |= dims[i] == 0;
  }
  int64_t n = 1;
  for (uint32_t i = 0; i < rank && !empty; i++) {
    if (n > (INT64_MAX / 16) / dims[i]) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the output has too many elements");
    }
    n *= dims[i];
  }
  int64_t copy[EK_MAX_RANK]; /* dims may be t->dims itself */
  memcpy(copy, dims, rank * sizeof *dims);
  memcpy(t->dims, copy, rank * sizeof *dims);
  t->rank = rank;
  return EK_OK;
}

ek_status ek_set_run_dims(ek_op_context *ctx, ek_tensor *t, uint32_t rank, const int64_t *dims) {
  int64_t old[EK_MAX_RANK];
  const uint32_t old_rank = t->rank;
  memcpy(old, t->dims, sizeof old);
  EK_TRY(ek_set_dims(ctx, t, rank, dims));
  const size_t bytes = ek_tensor_bytes(t);
  if (bytes > t->capacity) {
    memcpy(t->dims, old, sizeof old);
    t->rank = old_rank;
    return ek_op_fail(ctx, EK_ERR_SHAPE,
                      "'%s' needs %zu bytes, the model provides %zu; convert it again with a larger capacity", t->name,
                      bytes, t->capacity);
  }
  return EK_OK;
}

ek_status ek_copy_dims(ek_op_context *ctx, ek_tensor *t, const ek_tensor *like) {
  return ek_set_dims(ctx, t, like->rank, like->dims);
}

ek_status ek_broadcast_dims(ek_op_context *ctx, ek_tensor *out, const ek_tensor *a, const ek_tensor *b) {
  int64_t dims[EK_MAX_RANK];
  const uint32_t rank = a->rank > b->rank ? a->rank : b->rank;
  for (uint32_t i = 0; i < rank; i++) {
    const int64_t da = i + a->rank < rank ? 1 : a->dims[i + a->rank - rank];
    const int64_t db = i + b->rank < rank ? 1 : b->dims[i + b->rank - rank];
    if (da != db && da != 1 && db != 1) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimensions %lld and %lld do not broadcast", (long long)da, (long long)db);
    }
    dims[i] = da == 1 ? db : da;
  }
  return ek_set_dims(ctx, out, rank, dims);
}

ek_status ek_read_ints(ek_op_context *ctx, const ek_tensor *t, int64_t *values, uint32_t max, uint32_t *count) {
  const int64_t n = ek_tensor_elements(t);
  if (t->rank > 1 || n > (int64_t)max || (t->dtype != EK_I64 && t->dtype != EK_I32)) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "'%s' must be a list of at most %u integers", t->name != NULL ? t->name : "",
                      max);
  }
  if (!ek_tensor_has_data(t) && n > 0) {
    return EK_SHAPE_NOT_YET;
  }
  for (int64_t i = 0; i < n; i++) {
    values[i] = t->dtype == EK_I64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
  }
  *count = (uint32_t)n;
  return EK_OK;
}

ek_status ek_normalize_axis(ek_op_context *ctx, int64_t axis, uint32_t rank, uint32_t *out) {
  const int64_t r = rank;
  if (axis < -r || axis >= r) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "axis %lld is outside a tensor of rank %u", (long long)axis, rank);
  }
  *out = (uint32_t)(axis < 0 ? axis + r : axis);
  return EK_OK;
}
