/* Add: y = clamp(a + b). Integers wrap around. */
#include "ops/elementwise/binary.h"

EK_BINARY_REAL_LOOPS(add, EK_HOLD_REAL(u + v))
EK_BINARY_SIGNED_LOOPS(add, EK_HOLD_INTEGER((W)u + (W)v))
EK_BINARY_UNSIGNED_LOOPS(add, EK_HOLD_INTEGER((W)u + (W)v))
EK_BINARY_NUMBER_TABLE(add, NULL)
EK_BINARY_QUANTIZED_LOOPS(add, u * p->ma + v * p->mb)

static void add_attributes(const void *attrs, ek_binary_params *p) {
  const ek_add_attrs *a = attrs;
  p->min = a->clamp_min;
  p->max = a->clamp_max;
}

static const ek_binary_def add_def = {add_loops,      add_quantized,      ek_multipliers_sum,
                                      add_attributes, EK_F32_VBINARY_ADD, EK_QS8_VADD};
EK_BINARY_OP(add, "Add", add_def)
