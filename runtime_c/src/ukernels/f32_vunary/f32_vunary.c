#include "ukernels/f32_vunary/f32_vunary.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(f32_vunary)
#include "ukernels/f32_vunary/f32_vunary.inc"
EK_UKERNEL_TABLE_END(f32_vunary)
#undef EK_UKERNEL
