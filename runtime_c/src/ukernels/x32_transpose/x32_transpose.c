#include "ukernels/x32_transpose/x32_transpose.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(x32_transpose)
#include "ukernels/x32_transpose/x32_transpose.inc"
EK_UKERNEL_TABLE_END(x32_transpose)
#undef EK_UKERNEL
