/* Mish: x * tanh(log(1 + exp(x))). */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(mish, "Mish", EK_F32_VUNARY_MISH, x *tanh((x < 0 ? 0 : x) + log1p(exp(-fabs(x)))))
