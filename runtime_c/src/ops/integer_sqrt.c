/* IntegerSqrt: the square root of an unsigned number, to the nearest integer. */
#include "ek_ops_gen.h"
#include "ops/op.h"

/* The root bit by bit: `rest` is what its square leaves of v. */
static uint32_t root_of(uint64_t v) {
  const uint32_t most = v >> 32 == 0 ? 0xFFFF : 0xFFFFFFFF;
  uint64_t root = 0, rest = v, bit = UINT64_C(1) << 62;
  while (bit > rest) bit >>= 2;
  for (; bit != 0; bit >>= 2) {
    if (rest >= root + bit) {
      rest -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return (uint32_t)(rest > root && root < most ? root + 1 : root);
}

static ek_status integer_sqrt_shape(ek_op_context *ctx) {
  return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0));
}

static ek_status integer_sqrt_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  uint32_t *y = ek_output(ctx, 0)->data;
  const int64_t n = ek_tensor_elements(x);
  for (int64_t i = 0; i < n; i++) {
    y[i] = root_of(x->dtype == EK_U64 ? ((const uint64_t *)x->data)[i] : ((const uint32_t *)x->data)[i]);
  }
  return EK_OK;
}

const ek_op ek_op_integer_sqrt = {"IntegerSqrt", integer_sqrt_shape, NULL, NULL, integer_sqrt_run};
