/* Max: the larger of a and b; NaN if either is NaN. */
#include "ops/elementwise/binary.h"

EK_BINARY_REAL_LOOPS(max, u != u ? u : v != v ? v : u > v ? u : v)
EK_BINARY_SIGNED_LOOPS(max, u > v ? u : v)
EK_BINARY_UNSIGNED_LOOPS(max, u > v ? u : v)
EK_BINARY_NUMBER_TABLE(max, NULL)
EK_BINARY_QUANTIZED_LOOPS(max, u * p->ma > v * p->mb ? u * p->ma : v * p->mb)

static const ek_binary_def max_def = {max_loops, max_quantized,      ek_multipliers_sum,
                                      NULL,      EK_F32_VBINARY_MAX, EK_QS8_LOOP};
EK_BINARY_OP(max, "Max", max_def)
