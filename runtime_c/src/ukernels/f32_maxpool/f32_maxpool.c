#include "ukernels/f32_maxpool/f32_maxpool.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(f32_maxpool)
#include "ukernels/f32_maxpool/f32_maxpool.inc"
EK_UKERNEL_TABLE_END(f32_maxpool)
#undef EK_UKERNEL
