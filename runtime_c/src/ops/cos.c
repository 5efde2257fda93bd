/* Cos: the cosine. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(cos, "Cos", EK_F32_VUNARY_COUNT, cos(x))
