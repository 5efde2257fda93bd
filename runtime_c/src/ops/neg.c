/* Neg: -x. Integers wrap around. */
#include "ops/elementwise/unary.h"

EK_UNARY_SIGNED_LOOPS(neg, (W)0 - (W)u)
EK_UNARY_UNSIGNED_LOOPS(neg, (W)0 - (W)u)
EK_UNARY_INTEGER_TABLE(neg)

static double neg_real(double x, const ek_unary_params *p) {
  (void)p;
  return -x;
}

static const ek_unary_def neg_def = {neg_loops, neg_real, NULL, EK_F32_VUNARY_NEG};
EK_UNARY_OP(neg, "Neg", neg_def)
