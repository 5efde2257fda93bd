/* Floor: the largest whole number not above x. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(floor, "Floor", EK_F32_VUNARY_FLOOR, floor(x))
