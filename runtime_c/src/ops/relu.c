/* Relu: max(x, 0); NaN stays NaN. */
#include "ops/elementwise/unary.h"

EK_UNARY_SIGNED_LOOPS(relu, EK_HELD)
EK_UNARY_UNSIGNED_LOOPS(relu, EK_HELD)
EK_UNARY_INTEGER_TABLE(relu)

static double relu_real(double x, const ek_unary_params *p) {
  x = x < (double)p->p[0] ? (double)p->p[0] : x;
  return (double)p->p[1] < x ? (double)p->p[1] : x;
}

static void relu_attributes(const void *attrs, ek_unary_params *p) {
  (void)attrs;
  p->p[0] = 0.0f;
  p->p[1] = INFINITY;
}

static const ek_unary_def relu_def = {relu_loops, relu_real, relu_attributes, EK_F32_VUNARY_CLAMP};
EK_UNARY_OP(relu, "Relu", relu_def)
