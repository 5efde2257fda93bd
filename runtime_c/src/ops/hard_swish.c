/* HardSwish: x * min(max(x + 3, 0), 6) / 6. */
#include "ops/elementwise/unary.h"

EK_UNARY_REAL_OP(hard_swish, "HardSwish", EK_F32_VUNARY_HARD_SWISH, x *(x + 3 < 0 ? 0 : x + 3 > 6 ? 6 : x + 3) / 6)
