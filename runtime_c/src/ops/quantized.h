/* Quantization parameters as operators need them: checked, and in the integer domain. */
#ifndef EK_OPS_QUANTIZED_H
#define EK_OPS_QUANTIZED_H

#include "ops/op.h"

typedef struct ek_affine {
  float scale;
  int32_t zero_point;
  int32_t lowest, highest; /* of the element type */
} ek_affine;

/* True for an int8, uint8 or int16 tensor with quantization parameters. */
bool ek_is_quantized(const ek_tensor *t);

/* Per-tensor parameters of an int8, uint8 or int16 tensor. Fails when there are none, when they are per channel, when
 * the scale is not finite and positive, or when the zero point is outside the element type. */
ek_status ek_read_affine(ek_op_context *ctx, const ek_tensor *t, ek_affine *out);

/* clamp(rne(x / scale) + zero_point), with a true division. NaN gives the zero point. */
int32_t ek_quantize_float(float x, const ek_affine *q);

/* A float clamp (a fused activation) in the domain of q. Infinities leave the type's own range. */
void ek_quantize_clamp(float clamp_min, float clamp_max, const ek_affine *q, int32_t *min, int32_t *max);

/* (float)((double)scale_in * scale_weight / scale_out). Fails unless it is finite and positive. */
ek_status ek_requantize_multiplier(ek_op_context *ctx, float scale_in, float scale_weight, float scale_out, float *out);

#endif
