/* Min: the smaller of a and b; NaN if either is NaN. */
#include "ops/elementwise/binary.h"

EK_BINARY_REAL_LOOPS(min, u != u ? u : v != v ? v : u < v ? u : v)
EK_BINARY_SIGNED_LOOPS(min, u < v ? u : v)
EK_BINARY_UNSIGNED_LOOPS(min, u < v ? u : v)
EK_BINARY_NUMBER_TABLE(min, NULL)
EK_BINARY_QUANTIZED_LOOPS(min, u * p->ma < v * p->mb ? u * p->ma : v * p->mb)

static const ek_binary_def min_def = {min_loops, min_quantized,      ek_multipliers_sum,
                                      NULL,      EK_F32_VBINARY_MIN, EK_QS8_LOOP};
EK_BINARY_OP(min, "Min", min_def)
