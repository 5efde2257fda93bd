/* ThresholdedRelu: x > alpha ? x : 0. */
#include "ops/elementwise/unary.h"

static void thresholded_relu_attributes(const void *attrs, ek_unary_params *p) {
  const ek_thresholded_relu_attrs *a = attrs;
  p->p[0] = a->alpha;
}

static double thresholded_relu_real(double x, const ek_unary_params *p) { return x > (double)p->p[0] ? x : 0; }

static const ek_unary_def thresholded_relu_def = {NULL, thresholded_relu_real, thresholded_relu_attributes,
                                                  EK_F32_VUNARY_THRESHOLDED_RELU};
EK_UNARY_OP(thresholded_relu, "ThresholdedRelu", thresholded_relu_def)
