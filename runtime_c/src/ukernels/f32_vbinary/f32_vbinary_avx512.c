#define EK_VECTOR_ISA EK_VECTOR_AVX512
#define EK_F32_VBINARY_NAME ek_f32_vbinary_ukernel_x16__avx512
#include "ukernels/f32_vbinary/f32_vbinary_template.h"
#undef EK_F32_VBINARY_NAME
#undef EK_VECTOR_ISA
