/* Rsqrt: 1 / sqrt(x). */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(rsqrt, "Rsqrt", EK_F32_VUNARY_RSQRT, 1 / sqrt(x))
