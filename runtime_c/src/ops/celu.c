/* Celu: x < 0 ? alpha * (exp(x / alpha) - 1) : x. */
#include "ops/elementwise/unary.h"

static void celu_attributes(const void *attrs, ek_unary_params *p) {
  const ek_celu_attrs *a = attrs;
  p->p[0] = a->alpha;
  p->p[1] = 1.0f / a->alpha;
  p->p[2] = 1.0f;
}

static double celu_real(double x, const ek_unary_params *p) {
  return x < 0 ? (double)p->p[0] * expm1(x * (double)p->p[1]) : x * (double)p->p[2];
}

static const ek_unary_def celu_def = {NULL, celu_real, celu_attributes, EK_F32_VUNARY_ELU};
EK_UNARY_OP(celu, "Celu", celu_def)
