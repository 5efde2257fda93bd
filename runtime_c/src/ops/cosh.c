/* Cosh: the hyperbolic cosine. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(cosh, "Cosh", EK_F32_VUNARY_COUNT, cosh(x))
