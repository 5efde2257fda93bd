/* How ScatterElements and ScatterND bring an update into place. */
#ifndef EK_OPS_SCATTER_H
#define EK_OPS_SCATTER_H

#include "ops/op.h"

/* In the order of the operators' attribute. */
typedef enum ek_scatter_reduction {
  EK_SCATTER_NONE,
  EK_SCATTER_ADD,
  EK_SCATTER_MUL,
  EK_SCATTER_MAX,
  EK_SCATTER_MIN
} ek_scatter_reduction;

/* dst[i] = combine(dst[i], src[i]). Quantized sums and products stay in the tensor's own scale (docs/numerics.md). */
void ek_scatter_combine(void *dst, const void *src, int64_t count, ek_dtype dtype, uint8_t reduction,
                        const ek_quant *quant);

/* Enum value in range; quantized sums only with one scale. */
ek_status ek_scatter_check(ek_op_context *ctx, uint8_t reduction);

#endif
