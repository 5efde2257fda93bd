/* Sign: -1, 0 or 1; NaN stays NaN. */
#include "ops/elementwise/unary.h"

EK_UNARY_SIGNED_LOOPS(sign, (u > 0) - (u < 0))
EK_UNARY_UNSIGNED_LOOPS(sign, u > 0)
EK_UNARY_INTEGER_TABLE(sign)

static double sign_real(double x, const ek_unary_params *p) {
  (void)p;
  return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
}

static const ek_unary_def sign_def = {sign_loops, sign_real, NULL, EK_F32_VUNARY_SIGN};
EK_UNARY_OP(sign, "Sign", sign_def)
