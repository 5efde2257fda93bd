/* Or, on bool. */
#include "ops/elementwise/binary.h"

EK_LOOP2(or_bool, uint8_t, uint8_t, uint8_t, uint32_t, u != 0 || v != 0)
static ek_binary_loop *const or_loops[EK_DTYPE_LIMIT] = {[EK_BOOL] = or_bool};

static const ek_binary_def or_def = {or_loops, NULL, NULL, NULL, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(or, "Or", or_def)
