#define EK_VECTOR_ISA EK_VECTOR_NEON
#define EK_F32_VQUANTIZE_NAME ek_f32_vquantize_ukernel_x8__neon
#include "ukernels/f32_vquantize/f32_vquantize_template.h"
#undef EK_F32_VQUANTIZE_NAME
#undef EK_VECTOR_ISA
