#define EK_VECTOR_ISA EK_VECTOR_NEON
#define EK_F32_VUNARY_NAME ek_f32_vunary_ukernel_x4__neon
#include "ukernels/f32_vunary/f32_vunary_template.h"
#undef EK_F32_VUNARY_NAME
#undef EK_VECTOR_ISA
