/* BitwiseXor, on integers. */
#include "ops/elementwise/binary.h"

EK_BINARY_SIGNED_LOOPS(bitwise_xor, (W)u ^ (W)v)
EK_BINARY_UNSIGNED_LOOPS(bitwise_xor, (W)u ^ (W)v)
EK_BINARY_INTEGER_TABLE(bitwise_xor)

static const ek_binary_def bitwise_xor_def = {bitwise_xor_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(bitwise_xor, "BitwiseXor", bitwise_xor_def)
