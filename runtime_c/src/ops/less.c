/* Less: y = a < b. */
#include "ops/elementwise/compare.h"

EK_COMPARE_LOOPS(less, u < v)
EK_COMPARE_TABLE(less, NULL)

static const ek_binary_def less_def = {less_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(less, "Less", less_def)
