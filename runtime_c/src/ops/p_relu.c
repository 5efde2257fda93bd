/* PRelu: y = x < 0 ? slope * x : x. */
#include "ops/elementwise/binary.h"

EK_BINARY_REAL_LOOPS(p_relu, u < 0 ? u * v : u)
EK_BINARY_SIGNED_LOOPS(p_relu, u < 0 ? (W)u * (W)v : (W)u)
EK_BINARY_UNSIGNED_LOOPS(p_relu, (W)u + 0 * (W)v)
EK_BINARY_NUMBER_TABLE(p_relu, NULL)
EK_BINARY_QUANTIZED_LOOPS(p_relu, u < 0 ? (u * v) * p->m : u * p->ma)

static void p_relu_multipliers(double sx, double ss, double sy, ek_binary_params *p) {
  p->ma = (float)(sx / sy);
  p->m = (float)(sx * ss / sy);
}

static const ek_binary_def p_relu_def = {p_relu_loops, p_relu_quantized,     p_relu_multipliers,
                                         NULL,         EK_F32_VBINARY_PRELU, EK_QS8_LOOP};
EK_BINARY_OP(p_relu, "PRelu", p_relu_def)
