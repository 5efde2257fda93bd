/* Trilu: the upper or lower triangle of the last two dimensions. */
#include "ek_ops_gen.h"
#include "ops/index.h"
#include "ops/strided.h"

static ek_status trilu_shape(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0), *k = ek_input(ctx, 1);
  if (x->rank < 2) return ek_op_fail(ctx, EK_ERR_SHAPE, "a tensor of rank 2 or more is needed, got %u", x->rank);
  if (k != NULL && ek_tensor_elements(k) != 1) return ek_op_fail(ctx, EK_ERR_SHAPE, "k must be one element");
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

static ek_status trilu_run(ek_op_context *ctx) {
  const ek_trilu_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  const size_t item = ek_dtype_size(x->dtype);
  const int64_t rows = x->dims[x->rank - 2], cols = x->dims[x->rank - 1];
  const int64_t lines = ek_tensor_elements(x) / (cols > 0 ? cols : 1);
  int64_t k = 0;
  EK_TRY(ek_scalar_int(ctx, ek_input(ctx, 1), 0, &k));
  k = k > cols ? cols : k < -rows ? -rows : k;
  const uint64_t zero = x->quant != NULL ? (uint64_t)(int64_t)x->quant->zero_point[0] : 0;
  const uint8_t zero8 = (uint8_t)zero;
  const uint16_t zero16 = (uint16_t)zero;
  const uint32_t zero32 = (uint32_t)zero;
  const void *fill = item == 1   ? (const void *)&zero8
                     : item == 2 ? (const void *)&zero16
                     : item == 4 ? (const void *)&zero32
                                 : (const void *)&zero;
  for (int64_t i = 0; i < lines && cols > 0; i++) {
    /* [low, high) is kept: from the diagonal on, or up to it */
    int64_t edge = i % rows + k + (attrs->upper ? 0 : 1);
    edge = edge < 0 ? 0 : edge > cols ? cols : edge;
    const int64_t low = attrs->upper ? edge : 0, high = attrs->upper ? cols : edge;
    char *to = (char *)y->data + (size_t)(i * cols) * item;
    const char *from = (const char *)x->data + (size_t)(i * cols) * item;
    ek_fill_elements(to, fill, item, (size_t)low);
    if (to != from) memcpy(to + (size_t)low * item, from + (size_t)low * item, (size_t)(high - low) * item);
    ek_fill_elements(to + (size_t)high * item, fill, item, (size_t)(cols - high));
  }
  return EK_OK;
}

const ek_op ek_op_trilu = {"Trilu", trilu_shape, NULL, NULL, trilu_run};
