/* qs8_vdequantize: y = (float)(x - zero_point) * scale. uint8 inputs: zero_point less 128, and flip = 0x80. */
#ifndef EK_UKERNELS_QS8_VDEQUANTIZE_H
#define EK_UKERNELS_QS8_VDEQUANTIZE_H

#include "ukernels/ukernel.h"

typedef struct ek_qs8_vdequantize_args {
  float scale;
  int32_t zero_point;
  uint8_t flip; /* exclusive-or of every input */
} ek_qs8_vdequantize_args;

typedef void ek_qs8_vdequantize_fn(size_t n, const int8_t *x, float *y, const ek_qs8_vdequantize_args *args);
EK_UKERNEL_FAMILY(qs8_vdequantize)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/qs8_vdequantize/qs8_vdequantize.inc"
#undef EK_UKERNEL

#endif
