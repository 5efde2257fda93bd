/* Softsign: x / (1 + |x|). */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(softsign, "Softsign", EK_F32_VUNARY_SOFTSIGN, x / (1 + fabs(x)))
