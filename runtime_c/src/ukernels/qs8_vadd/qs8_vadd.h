/* qs8_vadd: y = clamp(rne((float)(a - za) * ma + (float)(b - zb) * mb) + zy), int8. A subtraction negates mb. y may be a or b
 * where their step is 1. */
#ifndef EK_UKERNELS_QS8_VADD_H
#define EK_UKERNELS_QS8_VADD_H

#include "ukernels/ukernel.h"

typedef struct ek_qs8_vadd_args {
  int32_t a_zero, b_zero, y_zero;
  float a_multiplier, b_multiplier; /* finite; their products with 2^9 must be, too */
  int32_t min, max;                 /* in the domain of y */
  uint8_t a_step, b_step;           /* 1, or 0: one element serves all; not both 0 */
} ek_qs8_vadd_args;

typedef void ek_qs8_vadd_fn(size_t n, const int8_t *a, const int8_t *b, int8_t *y, const ek_qs8_vadd_args *args);
EK_UKERNEL_FAMILY(qs8_vadd)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/qs8_vadd/qs8_vadd.inc"
#undef EK_UKERNEL

#endif
