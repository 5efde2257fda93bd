/* Mul: y = clamp(a * b). Integers wrap around. */
#include "ops/elementwise/binary.h"

EK_BINARY_REAL_LOOPS(mul, EK_HOLD_REAL(u *v))
EK_BINARY_SIGNED_LOOPS(mul, EK_HOLD_INTEGER((W)u *(W)v))
EK_BINARY_UNSIGNED_LOOPS(mul, EK_HOLD_INTEGER((W)u *(W)v))
EK_BINARY_NUMBER_TABLE(mul, NULL)
EK_BINARY_QUANTIZED_LOOPS(mul, (u * v) * p->m)

static void mul_multipliers(double sa, double sb, double sy, ek_binary_params *p) { p->m = (float)(sa * sb / sy); }
static void mul_attributes(const void *attrs, ek_binary_params *p) {
  const ek_mul_attrs *a = attrs;
  p->min = a->clamp_min;
  p->max = a->clamp_max;
}

static const ek_binary_def mul_def = {mul_loops,      mul_quantized,      mul_multipliers,
                                      mul_attributes, EK_F32_VBINARY_MUL, EK_QS8_VMUL};
EK_BINARY_OP(mul, "Mul", mul_def)
