/* qs8_vmul: y = clamp(rne(((float)(a - za) * (float)(b - zb)) * m) + zy), int8. y may be a or b where their step is 1. */
#ifndef EK_UKERNELS_QS8_VMUL_H
#define EK_UKERNELS_QS8_VMUL_H

#include "ukernels/ukernel.h"

typedef struct ek_qs8_vmul_args {
  int32_t a_zero, b_zero, y_zero;
  float multiplier;       /* finite; its product with 2^18 must be, too */
  int32_t min, max;       /* in the domain of y */
  uint8_t a_step, b_step; /* 1, or 0: one element serves all; not both 0 */
} ek_qs8_vmul_args;

typedef void ek_qs8_vmul_fn(size_t n, const int8_t *a, const int8_t *b, int8_t *y, const ek_qs8_vmul_args *args);
EK_UKERNEL_FAMILY(qs8_vmul)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/qs8_vmul/qs8_vmul.inc"
#undef EK_UKERNEL

#endif
