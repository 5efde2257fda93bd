/* Atan2: the angle of the point (b, a), in double precision, rounded once. */
#include "ops/elementwise/binary.h"

EK_LOOP2(atan2_f32, float, float, float, uint32_t, atan2((double)u, (double)v))
EK_LOOP2_F16(atan2_f16, uint16_t, ek_f64_to_f16, atan2((double)u, (double)v))
EK_LOOP2(atan2_f64, double, double, double, uint64_t, atan2(u, v))
static ek_binary_loop *const atan2_loops[EK_DTYPE_LIMIT] = {
    [EK_F32] = atan2_f32, [EK_F16] = atan2_f16, [EK_F64] = atan2_f64};

static const ek_binary_def atan2_def = {atan2_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(atan2, "Atan2", atan2_def)
