/* Not, on bool. */
#include "ops/elementwise/unary.h"

EK_LOOP1(not_bool, uint8_t, uint8_t, uint32_t, u == 0)
static ek_unary_loop *const not_loops[EK_DTYPE_LIMIT] = {[EK_BOOL] = not_bool};

static const ek_unary_def not_def = {not_loops, NULL, NULL, EK_F32_VUNARY_COUNT};
EK_UNARY_OP(not, "Not", not_def)
