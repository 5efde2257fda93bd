#include "ukernels/qs8_vdequantize/qs8_vdequantize.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(qs8_vdequantize)
#include "ukernels/qs8_vdequantize/qs8_vdequantize.inc"
EK_UKERNEL_TABLE_END(qs8_vdequantize)
#undef EK_UKERNEL
