/* Atan: the inverse tangent. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(atan, "Atan", EK_F32_VUNARY_COUNT, atan(x))
