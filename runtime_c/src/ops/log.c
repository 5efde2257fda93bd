/* Log: the natural logarithm. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(log, "Log", EK_F32_VUNARY_LOG, log(x))
