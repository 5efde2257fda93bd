/* Round: the nearest whole number, ties to even. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(round, "Round", EK_F32_VUNARY_ROUND, nearbyint(x))
