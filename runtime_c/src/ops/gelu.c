/* Gelu: x / 2 * (1 + erf(x / sqrt(2))), or its approximation with tanh. */
#include "ops/elementwise/unary.h"

static double gelu_real(double x, const ek_unary_params *p) {
  if (p->f32_function == EK_F32_VUNARY_GELU_TANH) {
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
  }
  return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
}

static void gelu_attributes(const void *attrs, ek_unary_params *p) {
  const ek_gelu_attrs *a = attrs;
  p->f32_function = a->approximate == EK_GELU_APPROXIMATE_TANH ? EK_F32_VUNARY_GELU_TANH : EK_F32_VUNARY_GELU;
}

static const ek_unary_def gelu_def = {NULL, gelu_real, gelu_attributes, EK_F32_VUNARY_GELU};
EK_UNARY_OP(gelu, "Gelu", gelu_def)
