/* Asinh: the inverse hyperbolic sine. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(asinh, "Asinh", EK_F32_VUNARY_COUNT, asinh(x))
