/* HardSigmoid: alpha * x + beta, held between 0 and 1. */
#include "ops/elementwise/unary.h"

static void hard_sigmoid_attributes(const void *attrs, ek_unary_params *p) {
  const ek_hard_sigmoid_attrs *a = attrs;
  p->p[0] = a->alpha;
  p->p[1] = a->beta;
}

static double hold_unit(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

static double hard_sigmoid_real(double x, const ek_unary_params *p) {
  return hold_unit((double)p->p[0] * x + (double)p->p[1]);
}

static const ek_unary_def hard_sigmoid_def = {NULL, hard_sigmoid_real, hard_sigmoid_attributes,
                                              EK_F32_VUNARY_HARD_SIGMOID};
EK_UNARY_OP(hard_sigmoid, "HardSigmoid", hard_sigmoid_def)
