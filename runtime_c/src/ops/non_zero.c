/* NonZero: positions of the elements that are not zero. How many there are, only the run tells. */
#include "ek_ops_gen.h"
#include "ops/index.h"

static ek_status non_zero_shape(ek_op_context *ctx) {
  (void)ctx;
  return EK_SHAPE_NOT_YET;
}

static bool is_set(const char *at, size_t item, bool is_float) {
  uint64_t bits = 0;
  memcpy(&bits, at, item);
  /* minus zero is zero */
  return (is_float ? bits & (UINT64_MAX >> (65 - 8 * item)) : bits) != 0;
}

static ek_status non_zero_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  const size_t item = ek_dtype_size(x->dtype);
  const bool is_float = x->dtype == EK_F32 || x->dtype == EK_F16 || x->dtype == EK_F64;
  const int64_t total = ek_tensor_elements(x);
  uint64_t count = 0;
  for (int64_t i = 0; i < total; i++) count += is_set((const char *)x->data + (size_t)i * item, item, is_float) ? 1 : 0;
  const int64_t dims[2] = {x->rank, (int64_t)count};
  EK_TRY(ek_set_run_dims(ctx, y, 2, dims));
  int64_t at[EK_MAX_RANK] = {0};
  int64_t *out = y->data;
  for (int64_t i = 0, k = 0; i < total; i++) {
    if (is_set((const char *)x->data + (size_t)i * item, item, is_float)) {
      for (uint32_t d = 0; d < x->rank; d++) out[d * (int64_t)count + k] = at[d];
      k++;
    }
    for (uint32_t d = x->rank; d-- > 0;) {
      if (++at[d] < x->dims[d]) break;
      at[d] = 0;
    }
  }
  return EK_OK;
}

const ek_op ek_op_non_zero = {"NonZero", non_zero_shape, NULL, NULL, non_zero_run};
