/* Reshape: the elements stay; only the dims change. The planner usually lets input and output share memory. */
#include <string.h>

#include "ek_ops_gen.h"
#include "ops/op.h"

static ek_status reshape_shape(ek_op_context *ctx) {
  const ek_reshape_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  int64_t dims[EK_MAX_RANK];
  uint32_t rank = 0;
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 1), dims, EK_MAX_RANK, &rank));
  const int64_t total = ek_tensor_elements(x);
  int64_t known = 1;
  int32_t hole = -1;
  for (uint32_t i = 0; i < rank; i++) {
    if (dims[i] == 0 && !attrs->allow_zero) {
      if (i >= x->rank) {
        return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u of the new shape copies one the input does not have", i);
      }
      dims[i] = x->dims[i];
    }
    if (dims[i] == -1 && hole < 0) {
      hole = (int32_t)i;
    } else if (dims[i] < 0 || (dims[i] > 0 && known > INT64_MAX / dims[i])) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u of the new shape is %lld", i, (long long)dims[i]);
    } else {
      known *= dims[i];
    }
  }
  if (hole >= 0) {
    dims[hole] = known == 0 ? 0 : total / known;
    known *= dims[hole];
  }
  if (known != total) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "cannot reshape %lld elements to %lld", (long long)total, (long long)known);
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), rank, dims);
}

static ek_status reshape_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  if (y->data != x->data) {
    memmove(y->data, x->data, ek_tensor_bytes(x));
  }
  return EK_OK;
}

const ek_op ek_op_reshape = {"Reshape", reshape_shape, NULL, NULL, reshape_run};
