/* BitwiseAnd, on integers. */
#include "ops/elementwise/binary.h"

EK_BINARY_SIGNED_LOOPS(bitwise_and, (W)u &(W)v)
EK_BINARY_UNSIGNED_LOOPS(bitwise_and, (W)u &(W)v)
EK_BINARY_INTEGER_TABLE(bitwise_and)

static const ek_binary_def bitwise_and_def = {bitwise_and_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(bitwise_and, "BitwiseAnd", bitwise_and_def)
