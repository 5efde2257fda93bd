#include "ukernels/qs8_vmul/qs8_vmul.h"

#define EK_VECTOR_ISA EK_VECTOR_AVX512
#define EK_QS8_NAME ek_qs8_vmul_ukernel_x32__avx512
#define EK_QS8_ARGS ek_qs8_vmul_args
#define EK_QS8_COMBINE(pa, pb) ((pa * pb) * ek_v_set(args->multiplier))
#include "ukernels/qs8_vbinary_template.h"
#undef EK_QS8_NAME
#undef EK_QS8_ARGS
#undef EK_QS8_COMBINE
#undef EK_VECTOR_ISA
