/* BitwiseNot, on integers. */
#include "ops/elementwise/unary.h"

EK_UNARY_SIGNED_LOOPS(bitwise_not, ~(W)u)
EK_UNARY_UNSIGNED_LOOPS(bitwise_not, ~(W)u)
EK_UNARY_INTEGER_TABLE(bitwise_not)

static const ek_unary_def bitwise_not_def = {bitwise_not_loops, NULL, NULL, EK_F32_VUNARY_COUNT};
EK_UNARY_OP(bitwise_not, "BitwiseNot", bitwise_not_def)
