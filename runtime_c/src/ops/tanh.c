/* Tanh: the hyperbolic tangent. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(tanh, "Tanh", EK_F32_VUNARY_TANH, tanh(x))
