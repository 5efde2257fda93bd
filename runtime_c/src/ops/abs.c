/* Abs: |x|; the smallest signed integer stays as it is. */
#include "ops/elementwise/unary.h"

EK_UNARY_SIGNED_LOOPS(abs, u < 0 ? (W)0 - (W)u : (W)u)
EK_UNARY_UNSIGNED_LOOPS(abs, u)
EK_UNARY_INTEGER_TABLE(abs)

static double abs_real(double x, const ek_unary_params *p) {
  (void)p;
  return fabs(x);
}

static const ek_unary_def abs_def = {abs_loops, abs_real, NULL, EK_F32_VUNARY_ABS};
EK_UNARY_OP(abs, "Abs", abs_def)
