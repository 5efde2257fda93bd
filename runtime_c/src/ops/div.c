/* Div: y = clamp(a / b). Integers truncate toward zero; x / 0 is 0, and the smallest integer over -1 wraps around to itself. */
#include "ops/elementwise/binary.h"

EK_BINARY_REAL_LOOPS(div, EK_HOLD_REAL(u / v))
EK_BINARY_SIGNED_LOOPS(div, EK_HOLD_INTEGER(v == 0 ? 0 : v == -1 ? (Y)((W)0 - (W)u) : (Y)(u / v)))
EK_BINARY_UNSIGNED_LOOPS(div, EK_HOLD_INTEGER(v == 0 ? 0 : u / v))
EK_BINARY_NUMBER_TABLE(div, NULL)
EK_BINARY_QUANTIZED_LOOPS(div, (u / v) * p->m)

static void div_multipliers(double sa, double sb, double sy, ek_binary_params *p) { p->m = (float)(sa / (sb * sy)); }
static void div_attributes(const void *attrs, ek_binary_params *p) {
  const ek_div_attrs *a = attrs;
  p->min = a->clamp_min;
  p->max = a->clamp_max;
}

static const ek_binary_def div_def = {div_loops,      div_quantized,      div_multipliers,
                                      div_attributes, EK_F32_VBINARY_DIV, EK_QS8_LOOP};
EK_BINARY_OP(div, "Div", div_def)
