/* IsNaN: true where x is not a number. */
#include "ops/elementwise/unary.h"

EK_LOOP1(is_nan_f32, float, uint8_t, uint32_t, u != u)
EK_LOOP1(is_nan_f16, uint16_t, uint8_t, uint32_t, (u & 0x7fffu) > 0x7c00u)
EK_LOOP1(is_nan_f64, double, uint8_t, uint32_t, u != u)
static ek_unary_loop *const is_nan_loops[EK_DTYPE_LIMIT] = {
    [EK_F32] = is_nan_f32, [EK_F16] = is_nan_f16, [EK_F64] = is_nan_f64};

static const ek_unary_def is_nan_def = {is_nan_loops, NULL, NULL, EK_F32_VUNARY_COUNT};
EK_UNARY_OP(is_na_n, "IsNaN", is_nan_def)
