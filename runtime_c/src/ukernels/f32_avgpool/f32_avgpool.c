#include "ukernels/f32_avgpool/f32_avgpool.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(f32_avgpool)
#include "ukernels/f32_avgpool/f32_avgpool.inc"
EK_UKERNEL_TABLE_END(f32_avgpool)
#undef EK_UKERNEL
