#include "ukernels/qs8_vadd/qs8_vadd.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(qs8_vadd)
#include "ukernels/qs8_vadd/qs8_vadd.inc"
EK_UKERNEL_TABLE_END(qs8_vadd)
#undef EK_UKERNEL
