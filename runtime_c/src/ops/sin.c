/* Sin: the sine. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(sin, "Sin", EK_F32_VUNARY_COUNT, sin(x))
