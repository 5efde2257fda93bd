/* Sub: y = clamp(a - b). Integers wrap around. */
#include "ops/elementwise/binary.h"

EK_BINARY_REAL_LOOPS(sub, EK_HOLD_REAL(u - v))
EK_BINARY_SIGNED_LOOPS(sub, EK_HOLD_INTEGER((W)u - (W)v))
EK_BINARY_UNSIGNED_LOOPS(sub, EK_HOLD_INTEGER((W)u - (W)v))
EK_BINARY_NUMBER_TABLE(sub, NULL)
EK_BINARY_QUANTIZED_LOOPS(sub, u * p->ma + v * p->mb)

static void sub_multipliers(double sa, double sb, double sy, ek_binary_params *p) {
  ek_multipliers_sum(sa, sb, sy, p);
  p->mb = -p->mb;
}
static void sub_attributes(const void *attrs, ek_binary_params *p) {
  const ek_sub_attrs *a = attrs;
  p->min = a->clamp_min;
  p->max = a->clamp_max;
}

static const ek_binary_def sub_def = {sub_loops,      sub_quantized,      sub_multipliers,
                                      sub_attributes, EK_F32_VBINARY_SUB, EK_QS8_VADD};
EK_BINARY_OP(sub, "Sub", sub_def)
