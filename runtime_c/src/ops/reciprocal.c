/* Reciprocal: 1 / x. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(reciprocal, "Reciprocal", EK_F32_VUNARY_RECIPROCAL, 1 / x)
