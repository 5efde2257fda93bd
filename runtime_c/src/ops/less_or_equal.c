/* LessOrEqual: y = a <= b. */
#include "ops/elementwise/compare.h"

EK_COMPARE_LOOPS(less_or_equal, u <= v)
EK_COMPARE_TABLE(less_or_equal, NULL)

static const ek_binary_def less_or_equal_def = {less_or_equal_loops,  NULL,       NULL, NULL,
                                                EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(less_or_equal, "LessOrEqual", less_or_equal_def)
