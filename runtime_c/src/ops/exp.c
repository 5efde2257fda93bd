/* Exp: e to the power x. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(exp, "Exp", EK_F32_VUNARY_EXP, exp(x))
