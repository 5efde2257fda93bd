/* FloorDiv: y = floor(a / b). x / 0 is 0 for integers; the smallest integer over -1 wraps around to itself. */
#include "ops/elementwise/binary.h"

EK_LOOP2(floor_div_f32, float, float, float, uint32_t, floorf(u / v))
EK_LOOP2_F16(floor_div_f16, uint16_t, ek_f32_to_f16, floorf(ek_f16_to_f32(ek_f32_to_f16(u / v))))
EK_LOOP2(floor_div_f64, double, double, double, uint64_t, floor(u / v))
EK_BINARY_SIGNED_LOOPS(floor_div, v == 0    ? 0
                                  : v == -1 ? (Y)((W)0 - (W)u)
                                            : (Y)(u / v - (u % v != 0 && (u < 0) != (v < 0))))
EK_BINARY_UNSIGNED_LOOPS(floor_div, v == 0 ? 0 : u / v)
EK_BINARY_NUMBER_TABLE(floor_div, floor_div_f32)

static const ek_binary_def floor_div_def = {floor_div_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(floor_div, "FloorDiv", floor_div_def)
