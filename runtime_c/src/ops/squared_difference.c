/* SquaredDifference: y = (a - b)^2. Integers wrap around. */
#include "ops/elementwise/binary.h"

/* float16 rounds the difference, then the square, as two operators would */
static float square_f16(float difference) {
  const float d = ek_f16_to_f32(ek_f32_to_f16(difference));
  return d * d;
}

EK_LOOP2_F16(squared_difference_f16, uint16_t, ek_f32_to_f16, square_f16(u - v))
EK_LOOP2(squared_difference_f64, double, double, double, uint64_t, (u - v) * (u - v))
EK_BINARY_SIGNED_LOOPS(squared_difference, ((W)u - (W)v) * ((W)u - (W)v))
EK_BINARY_UNSIGNED_LOOPS(squared_difference, ((W)u - (W)v) * ((W)u - (W)v))
EK_BINARY_NUMBER_TABLE(squared_difference, NULL)
EK_BINARY_QUANTIZED_LOOPS(squared_difference, ((u * p->ma - v * p->mb) * (u * p->ma - v * p->mb)) * p->m)

static void squared_difference_multipliers(double sa, double sb, double sy, ek_binary_params *p) {
  p->ma = (float)sa;
  p->mb = (float)sb;
  p->m = (float)(1.0 / sy);
}

static const ek_binary_def squared_difference_def = {squared_difference_loops,          squared_difference_quantized,
                                                     squared_difference_multipliers,    NULL,
                                                     EK_F32_VBINARY_SQUARED_DIFFERENCE, EK_QS8_LOOP};
EK_BINARY_OP(squared_difference, "SquaredDifference", squared_difference_def)
