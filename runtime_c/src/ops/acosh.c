/* Acosh: the inverse hyperbolic cosine. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(acosh, "Acosh", EK_F32_VUNARY_COUNT, acosh(x))
