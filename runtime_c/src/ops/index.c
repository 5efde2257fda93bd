#include "ops/index.h"

ek_status ek_check_indices(ek_op_context *ctx, const ek_tensor *indices, int64_t first, int64_t step, int64_t count,
                           int64_t dim) {
  for (int64_t i = 0; i < count; i++) {
    const int64_t v = ek_index_at(indices, first + i * step);
    if (v < -dim || v >= dim) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "index %lld is outside a dimension of %lld", (long long)v, (long long)dim);
    }
  }
  return EK_OK;
}

int64_t ek_dims_product(const int64_t *dims, uint32_t begin, uint32_t end) {
  int64_t n = 1;
  for (uint32_t i = begin; i < end; i++) {
    if (dims[i] == 0) return 0;
  }
  for (uint32_t i = begin; i < end; i++) {
    if (n > INT64_MAX / dims[i]) return INT64_MAX;
    n *= dims[i];
  }
  return n;
}

ek_status ek_scalar_data(ek_op_context *ctx, const ek_tensor *t, const void **data) {
  if (ek_tensor_elements(t) != 1) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "'%s' must be one element", t->name != NULL ? t->name : "");
  }
  *data = t->data;
  return ek_tensor_has_data(t) ? EK_OK : EK_SHAPE_NOT_YET;
}

ek_status ek_scalar_int(ek_op_context *ctx, const ek_tensor *t, int64_t absent, int64_t *value) {
  *value = absent;
  if (t == NULL) return EK_OK;
  const void *data = NULL;
  EK_TRY(ek_scalar_data(ctx, t, &data));
  *value = ek_index_at(t, 0);
  return EK_OK;
}
