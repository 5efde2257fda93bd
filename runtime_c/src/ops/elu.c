/* Elu: x < 0 ? alpha * (exp(x) - 1) : x. */
#include "ops/elementwise/unary.h"

static void elu_attributes(const void *attrs, ek_unary_params *p) {
  const ek_elu_attrs *a = attrs;
  p->p[0] = a->alpha;
  p->p[1] = 1.0f;
  p->p[2] = 1.0f;
}

static double elu_real(double x, const ek_unary_params *p) {
  return x < 0 ? (double)p->p[0] * expm1(x * (double)p->p[1]) : x * (double)p->p[2];
}

static const ek_unary_def elu_def = {NULL, elu_real, elu_attributes, EK_F32_VUNARY_ELU};
EK_UNARY_OP(elu, "Elu", elu_def)
