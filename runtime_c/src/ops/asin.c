/* Asin: the inverse sine. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(asin, "Asin", EK_F32_VUNARY_COUNT, asin(x))
