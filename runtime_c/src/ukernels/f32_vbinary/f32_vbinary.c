#include "ukernels/f32_vbinary/f32_vbinary.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(f32_vbinary)
#include "ukernels/f32_vbinary/f32_vbinary.inc"
EK_UKERNEL_TABLE_END(f32_vbinary)
#undef EK_UKERNEL
