/* IsInf: true where x is infinite, of the signs asked for. */
#include "ops/elementwise/unary.h"

/* p[0] and p[1] are the infinities to find, or NaN, which equals nothing */
#define FOUND(value) ((value) == p->p[0] || (value) == p->p[1])
EK_LOOP1(is_inf_f32, float, uint8_t, uint32_t, FOUND(u))
EK_LOOP1(is_inf_f16, uint16_t, uint8_t, uint32_t, FOUND(ek_f16_to_f32(u)))
EK_LOOP1(is_inf_f64, double, uint8_t, uint32_t, FOUND(u))
#undef FOUND
static ek_unary_loop *const is_inf_loops[EK_DTYPE_LIMIT] = {
    [EK_F32] = is_inf_f32, [EK_F16] = is_inf_f16, [EK_F64] = is_inf_f64};

static void is_inf_attributes(const void *attrs, ek_unary_params *p) {
  const ek_is_inf_attrs *a = attrs;
  p->p[0] = a->detect_positive ? INFINITY : NAN;
  p->p[1] = a->detect_negative ? -INFINITY : NAN;
}

static const ek_unary_def is_inf_def = {is_inf_loops, NULL, is_inf_attributes, EK_F32_VUNARY_COUNT};
EK_UNARY_OP(is_inf, "IsInf", is_inf_def)
