/* Acos: the inverse cosine. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(acos, "Acos", EK_F32_VUNARY_COUNT, acos(x))
