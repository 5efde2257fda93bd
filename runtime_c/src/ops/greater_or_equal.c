/* GreaterOrEqual: y = a >= b. */
#include "ops/elementwise/compare.h"

EK_COMPARE_LOOPS(greater_or_equal, u >= v)
EK_COMPARE_TABLE(greater_or_equal, NULL)

static const ek_binary_def greater_or_equal_def = {greater_or_equal_loops, NULL,       NULL, NULL,
                                                   EK_F32_VBINARY_COUNT,   EK_QS8_LOOP};
EK_BINARY_OP(greater_or_equal, "GreaterOrEqual", greater_or_equal_def)
