/* Selu: gamma * (x < 0 ? alpha * (exp(x) - 1) : x). */
#include "ops/elementwise/unary.h"

static void selu_attributes(const void *attrs, ek_unary_params *p) {
  const ek_selu_attrs *a = attrs;
  p->p[0] = a->gamma * a->alpha;
  p->p[1] = 1.0f;
  p->p[2] = a->gamma;
}

static double selu_real(double x, const ek_unary_params *p) {
  return x < 0 ? (double)p->p[0] * expm1(x * (double)p->p[1]) : x * (double)p->p[2];
}

static const ek_unary_def selu_def = {NULL, selu_real, selu_attributes, EK_F32_VUNARY_ELU};
EK_UNARY_OP(selu, "Selu", selu_def)
