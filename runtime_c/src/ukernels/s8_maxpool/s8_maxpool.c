#include "ukernels/s8_maxpool/s8_maxpool.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(s8_maxpool)
#include "ukernels/s8_maxpool/s8_maxpool.inc"
EK_UKERNEL_TABLE_END(s8_maxpool)
#undef EK_UKERNEL
