/* BitwiseOr, on integers. */
#include "ops/elementwise/binary.h"

EK_BINARY_SIGNED_LOOPS(bitwise_or, (W)u | (W)v)
EK_BINARY_UNSIGNED_LOOPS(bitwise_or, (W)u | (W)v)
EK_BINARY_INTEGER_TABLE(bitwise_or)

static const ek_binary_def bitwise_or_def = {bitwise_or_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(bitwise_or, "BitwiseOr", bitwise_or_def)
