/* And, on bool. */
#include "ops/elementwise/binary.h"

EK_LOOP2(and_bool, uint8_t, uint8_t, uint8_t, uint32_t, u != 0 && v != 0)
static ek_binary_loop *const and_loops[EK_DTYPE_LIMIT] = {[EK_BOOL] = and_bool};

static const ek_binary_def and_def = {and_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(and, "And", and_def)
