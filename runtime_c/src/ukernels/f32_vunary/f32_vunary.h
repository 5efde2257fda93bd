/* f32_vunary: y[i] = f(x[i]) for the functions below; y may be x.
 *
 * All rows give the same bits: they are one template (f32_vunary_template.h) over ukernels/vector.h, with every operation
 * rounded once. Bounds against the exact function, in units in the last place of the result:
 *   abs neg sqrt reciprocal floor ceil round sign clamp thresholded_relu   exact (sqrt, reciprocal: correctly rounded)
 *   leaky_relu rsqrt softsign hard_sigmoid(*)         2    (*) absolute, in units of 2^-24
 *   exp log tanh sigmoid erf hard_swish               3
 *   elu softplus silu mish                            8
 *   gelu gelu_tanh        absolute: 2^-22 max(|x|, 2^-24); far below zero 1 + erf, and the argument of exp, lose relative accuracy
 * Where the result or a factor of x is subnormal: max(|x|, 1) 2^-149 more. */
#ifndef EK_UKERNELS_F32_VUNARY_H
#define EK_UKERNELS_F32_VUNARY_H

#include "ukernels/ukernel.h"

typedef enum ek_f32_vunary_function {
  EK_F32_VUNARY_ABS,
  EK_F32_VUNARY_NEG,
  EK_F32_VUNARY_SQRT,
  EK_F32_VUNARY_RSQRT,
  EK_F32_VUNARY_RECIPROCAL,
  EK_F32_VUNARY_FLOOR,
  EK_F32_VUNARY_CEIL,
  EK_F32_VUNARY_ROUND, /* ties to even */
  EK_F32_VUNARY_SIGN,
  EK_F32_VUNARY_CLAMP,            /* x < p[0] ? p[0] : x, then p[1] < that ? p[1] : that; NaN stays */
  EK_F32_VUNARY_LEAKY_RELU,       /* x < 0 ? p[0] x : x */
  EK_F32_VUNARY_ELU,              /* x < 0 ? p[0] (exp(p[1] x) - 1) : p[2] x, p[1] > 0 */
  EK_F32_VUNARY_THRESHOLDED_RELU, /* x > p[0] ? x : 0 */
  EK_F32_VUNARY_EXP,
  EK_F32_VUNARY_LOG,
  EK_F32_VUNARY_TANH,
  EK_F32_VUNARY_SIGMOID,
  EK_F32_VUNARY_ERF,
  EK_F32_VUNARY_SOFTPLUS,
  EK_F32_VUNARY_SOFTSIGN,
  EK_F32_VUNARY_HARD_SIGMOID, /* p[0] x + p[1], held to [0, 1] */
  EK_F32_VUNARY_HARD_SWISH,
  EK_F32_VUNARY_SILU,
  EK_F32_VUNARY_GELU,
  EK_F32_VUNARY_GELU_TANH,
  EK_F32_VUNARY_MISH,
  EK_F32_VUNARY_COUNT
} ek_f32_vunary_function;

typedef struct ek_f32_vunary_args {
  ek_f32_vunary_function function;
  float p[3];
} ek_f32_vunary_args;

typedef void ek_f32_vunary_fn(size_t n, const float *x, float *y, const ek_f32_vunary_args *args);
EK_UKERNEL_FAMILY(f32_vunary)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/f32_vunary/f32_vunary.inc"
#undef EK_UKERNEL

#endif
