#define EK_VECTOR_ISA EK_VECTOR_SCALAR
#define EK_F32_VBINARY_NAME ek_f32_vbinary_ukernel_x1__scalar
#include "ukernels/f32_vbinary/f32_vbinary_template.h"
#undef EK_F32_VBINARY_NAME
#undef EK_VECTOR_ISA
