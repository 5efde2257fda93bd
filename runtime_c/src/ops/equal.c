/* Equal: y = a == b. */
#include "ops/elementwise/compare.h"

EK_COMPARE_LOOPS(equal, u == v)
EK_LOOP2(equal_bool, uint8_t, uint8_t, uint8_t, uint32_t, (u != 0) == (v != 0))
EK_COMPARE_TABLE(equal, equal_bool)

static const ek_binary_def equal_def = {equal_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(equal, "Equal", equal_def)
