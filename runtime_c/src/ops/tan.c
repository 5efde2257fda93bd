/* Tan: the tangent. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(tan, "Tan", EK_F32_VUNARY_COUNT, tan(x))
