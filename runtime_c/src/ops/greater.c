/* Greater: y = a > b. */
#include "ops/elementwise/compare.h"

EK_COMPARE_LOOPS(greater, u > v)
EK_COMPARE_TABLE(greater, NULL)

static const ek_binary_def greater_def = {greater_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(greater, "Greater", greater_def)
