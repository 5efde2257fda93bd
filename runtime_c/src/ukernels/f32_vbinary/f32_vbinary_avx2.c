#define EK_VECTOR_ISA EK_VECTOR_AVX2
#define EK_F32_VBINARY_NAME ek_f32_vbinary_ukernel_x8__avx2
#include "ukernels/f32_vbinary/f32_vbinary_template.h"
#undef EK_F32_VBINARY_NAME
#undef EK_VECTOR_ISA
