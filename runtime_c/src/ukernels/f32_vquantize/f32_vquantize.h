/* f32_vquantize: y = clamp(rne(x / scale) + zero_point), float to int8, with a true division; NaN gives the zero point.
 *
 * uint8 results: zero_point, min and max less 128, and flip = 0x80. */
#ifndef EK_UKERNELS_F32_VQUANTIZE_H
#define EK_UKERNELS_F32_VQUANTIZE_H

#include "ukernels/ukernel.h"

typedef struct ek_f32_vquantize_args {
  float scale;
  int32_t zero_point;
  int32_t min, max; /* inclusive */
  uint8_t flip;     /* exclusive-or of every result */
} ek_f32_vquantize_args;

typedef void ek_f32_vquantize_fn(size_t n, const float *x, int8_t *y, const ek_f32_vquantize_args *args);
EK_UKERNEL_FAMILY(f32_vquantize)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/f32_vquantize/f32_vquantize.inc"
#undef EK_UKERNEL

#endif
