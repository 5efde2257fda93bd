#include "ukernels/qs8_avgpool/qs8_avgpool.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(qs8_avgpool)
#include "ukernels/qs8_avgpool/qs8_avgpool.inc"
EK_UKERNEL_TABLE_END(qs8_avgpool)
#undef EK_UKERNEL
