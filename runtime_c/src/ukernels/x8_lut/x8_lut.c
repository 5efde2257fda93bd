#include "ukernels/x8_lut/x8_lut.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(x8_lut)
#include "ukernels/x8_lut/x8_lut.inc"
EK_UKERNEL_TABLE_END(x8_lut)
#undef EK_UKERNEL
