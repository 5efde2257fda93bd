/* Sqrt: the square root. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(sqrt, "Sqrt", EK_F32_VUNARY_SQRT, sqrt(x))
