#include "ukernels/qs8_vadd/qs8_vadd.h"

#define EK_VECTOR_ISA EK_VECTOR_SCALAR
#define EK_QS8_NAME ek_qs8_vadd_ukernel_x2__scalar
#define EK_QS8_ARGS ek_qs8_vadd_args
#define EK_QS8_COMBINE(pa, pb) (pa * ek_v_set(args->a_multiplier) + pb * ek_v_set(args->b_multiplier))
#include "ukernels/qs8_vbinary_template.h"
#undef EK_QS8_NAME
#undef EK_QS8_ARGS
#undef EK_QS8_COMBINE
#undef EK_VECTOR_ISA
