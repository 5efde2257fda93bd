#include "ukernels/x8_transpose/x8_transpose.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(x8_transpose)
#include "ukernels/x8_transpose/x8_transpose.inc"
EK_UKERNEL_TABLE_END(x8_transpose)
#undef EK_UKERNEL
