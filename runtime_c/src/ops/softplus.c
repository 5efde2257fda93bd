/* Softplus: log(1 + exp(x)). */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(softplus, "Softplus", EK_F32_VUNARY_SOFTPLUS, (x < 0 ? 0 : x) + log1p(exp(-fabs(x))))
