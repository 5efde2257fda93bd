/* Ceil: the smallest whole number not below x. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(ceil, "Ceil", EK_F32_VUNARY_CEIL, ceil(x))
