/* f32_vbinary: y[i] = f(a[i or 0], b[i or 0]), then a clamp; y may be a or b where their step is 1.
 *
 * All rows give the same values (the sign of a zero and the bits of a NaN apart): each operation is rounded once. */
#ifndef EK_UKERNELS_F32_VBINARY_H
#define EK_UKERNELS_F32_VBINARY_H

#include "ukernels/ukernel.h"

typedef enum ek_f32_vbinary_function {
  EK_F32_VBINARY_ADD,
  EK_F32_VBINARY_SUB,
  EK_F32_VBINARY_MUL,
  EK_F32_VBINARY_DIV,
  EK_F32_VBINARY_MIN, /* NaN if either is NaN */
  EK_F32_VBINARY_MAX,
  EK_F32_VBINARY_SQUARED_DIFFERENCE,
  EK_F32_VBINARY_PRELU, /* a < 0 ? a * b : a */
  EK_F32_VBINARY_COUNT
} ek_f32_vbinary_function;

typedef struct ek_f32_vbinary_args {
  ek_f32_vbinary_function function;
  uint8_t a_step, b_step; /* 1, or 0: one element serves all; not both 0 */
  float min,
      max; /* -INFINITY, INFINITY for no clamp; NaN passes. Minimum, maximum, squared difference and prelu take none */
} ek_f32_vbinary_args;

typedef void ek_f32_vbinary_fn(size_t n, const float *a, const float *b, float *y, const ek_f32_vbinary_args *args);
EK_UKERNEL_FAMILY(f32_vbinary)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/f32_vbinary/f32_vbinary.inc"
#undef EK_UKERNEL

#endif
