#include "ukernels/s32_vfixed/s32_vfixed.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(s32_vfixed)
#include "ukernels/s32_vfixed/s32_vfixed.inc"
EK_UKERNEL_TABLE_END(s32_vfixed)
#undef EK_UKERNEL
