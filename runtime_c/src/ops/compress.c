/* Compress: the entries of an axis, or of the flattened tensor, whose condition is true. */
#include "ek_ops_gen.h"
#include "ops/index.h"

/* The tensor as [outer, dim, inner]. */
static ek_status read_axis(ek_op_context *ctx, int64_t *outer, int64_t *dim, int64_t *inner, uint32_t *axis) {
  const ek_compress_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *condition = ek_input(ctx, 1);
  *outer = *inner = 1;
  *dim = ek_tensor_elements(x);
  *axis = 0;
  if (!attrs->flat) {
    EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, axis));
    *outer = ek_dims_product(x->dims, 0, *axis);
    *dim = x->dims[*axis];
    *inner = ek_dims_product(x->dims, *axis + 1, x->rank);
  }
  if (condition->rank != 1 || condition->dims[0] > *dim) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a list of %lld conditions at most is needed", (long long)*dim);
  }
  return EK_OK;
}

static int64_t count_true(const ek_tensor *condition) {
  int64_t n = 0;
  for (int64_t i = 0; i < condition->dims[0]; i++) n += ((const uint8_t *)condition->data)[i] != 0 ? 1 : 0;
  return n;
}

static ek_status compress_shape(ek_op_context *ctx) {
  const ek_compress_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *condition = ek_input(ctx, 1);
  int64_t outer = 0, dim = 0, inner = 0, dims[EK_MAX_RANK];
  uint32_t axis = 0;
  EK_TRY(read_axis(ctx, &outer, &dim, &inner, &axis));
  if (!ek_tensor_has_data(condition)) return EK_SHAPE_NOT_YET;
  memcpy(dims, x->dims, sizeof dims);
  dims[axis] = count_true(condition);
  return ek_set_dims(ctx, ek_output(ctx, 0), attrs->flat ? 1 : x->rank, dims);
}

static ek_status compress_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0), *condition = ek_input(ctx, 1);
  int64_t outer = 0, dim = 0, inner = 0;
  uint32_t axis = 0;
  EK_TRY(read_axis(ctx, &outer, &dim, &inner, &axis));
  const size_t run = (size_t)inner * ek_dtype_size(x->dtype);
  char *to = ek_output(ctx, 0)->data;
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < condition->dims[0]; i++) {
      if (((const uint8_t *)condition->data)[i] != 0) {
        ek_copy_item(to, (const char *)x->data + (size_t)(o * dim + i) * run, run);
        to += run;
      }
    }
  }
  return EK_OK;
}

const ek_op ek_op_compress = {"Compress", compress_shape, NULL, NULL, compress_run};
