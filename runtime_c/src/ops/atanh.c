/* Atanh: the inverse hyperbolic tangent. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(atanh, "Atanh", EK_F32_VUNARY_COUNT, atanh(x))
