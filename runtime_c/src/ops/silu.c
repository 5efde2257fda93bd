/* Silu: x / (1 + exp(-x)). */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(silu, "Silu", EK_F32_VUNARY_SILU, x *(x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x))))
