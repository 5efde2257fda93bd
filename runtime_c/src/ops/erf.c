/* Erf: the error function. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(erf, "Erf", EK_F32_VUNARY_ERF, erf(x))
