#include "ukernels/qs8_vmul/qs8_vmul.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(qs8_vmul)
#include "ukernels/qs8_vmul/qs8_vmul.inc"
EK_UKERNEL_TABLE_END(qs8_vmul)
#undef EK_UKERNEL
