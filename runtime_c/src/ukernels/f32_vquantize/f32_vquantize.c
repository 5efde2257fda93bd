#include "ukernels/f32_vquantize/f32_vquantize.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(f32_vquantize)
#include "ukernels/f32_vquantize/f32_vquantize.inc"
EK_UKERNEL_TABLE_END(f32_vquantize)
#undef EK_UKERNEL
