/* ReverseSequence: reverses the first elements along the time axis, how many the batch axis decides. */
#include "ek_ops_gen.h"
#include "ops/index.h"

static ek_status read_axes(ek_op_context *ctx, uint32_t *time, uint32_t *batch) {
  const ek_reverse_sequence_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  EK_TRY(ek_normalize_axis(ctx, attrs->time_axis, x->rank, time));
  return ek_normalize_axis(ctx, attrs->batch_axis, x->rank, batch);
}

static ek_status reverse_sequence_shape(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0), *lengths = ek_input(ctx, 1);
  uint32_t t = 0, b = 0;
  EK_TRY(read_axes(ctx, &t, &b));
  if (t == b || lengths->rank != 1 || lengths->dims[0] != x->dims[b]) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "two axes and one length for each of the %lld batches are needed",
                      (long long)x->dims[b]);
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

static ek_status reverse_sequence_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0), *lengths = ek_input(ctx, 1);
  ek_tensor *y = ek_output(ctx, 0);
  uint32_t t = 0, b = 0;
  EK_TRY(read_axes(ctx, &t, &b));
  const uint32_t last = t > b ? t : b;
  const int64_t outer = ek_dims_product(x->dims, 0, last + 1), time_step = ek_dims_product(x->dims, t + 1, last + 1);
  const int64_t batch_step = ek_dims_product(x->dims, b + 1, last + 1);
  const size_t run = (size_t)ek_dims_product(x->dims, last + 1, x->rank) * ek_dtype_size(x->dtype);
  for (int64_t i = 0; i < lengths->dims[0]; i++) {
    const int64_t n = ((const int64_t *)lengths->data)[i];
    if (n < 0 || n > x->dims[t])
      return ek_op_fail(ctx, EK_ERR_SHAPE, "length %lld of %lld steps", (long long)n, (long long)x->dims[t]);
  }
  for (int64_t k = 0; k < outer; k++) {
    const int64_t at = k / time_step % x->dims[t], n = ((const int64_t *)lengths->data)[k / batch_step % x->dims[b]];
    const int64_t from = at < n ? k + (n - 1 - 2 * at) * time_step : k;
    ek_copy_item((char *)y->data + (size_t)k * run, (const char *)x->data + (size_t)from * run, run);
  }
  return EK_OK;
}

const ek_op ek_op_reverse_sequence = {"ReverseSequence", reverse_sequence_shape, NULL, NULL, reverse_sequence_run};
