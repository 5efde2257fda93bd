/* LeakyRelu: x < 0 ? alpha * x : x. */
#include "ops/elementwise/unary.h"

static void leaky_relu_attributes(const void *attrs, ek_unary_params *p) {
  const ek_leaky_relu_attrs *a = attrs;
  p->p[0] = a->alpha;
}

static double leaky_relu_real(double x, const ek_unary_params *p) { return x < 0 ? (double)p->p[0] * x : x; }

static const ek_unary_def leaky_relu_def = {NULL, leaky_relu_real, leaky_relu_attributes, EK_F32_VUNARY_LEAKY_RELU};
EK_UNARY_OP(leaky_relu, "LeakyRelu", leaky_relu_def)
