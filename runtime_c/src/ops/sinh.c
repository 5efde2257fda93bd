/* Sinh: the hyperbolic sine. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(sinh, "Sinh", EK_F32_VUNARY_COUNT, sinh(x))
