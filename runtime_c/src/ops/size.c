/* Size: the number of elements of a tensor. */
#include "ek_ops_gen.h"
#include "ops/op.h"

static ek_status size_shape(ek_op_context *ctx) {
  return ek_set_dims(ctx, ek_output(ctx, 0), 0, ek_output(ctx, 0)->dims);
}

static ek_status size_run(ek_op_context *ctx) {
  *(int64_t *)ek_output(ctx, 0)->data = ek_tensor_elements(ek_input(ctx, 0));
  return EK_OK;
}

const ek_op ek_op_size = {"Size", size_shape, NULL, NULL, size_run};
