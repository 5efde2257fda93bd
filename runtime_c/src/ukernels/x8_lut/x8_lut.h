/* x8_lut: y[i] = table[x[i]], bytes; y may be x. The table is indexed by the byte as it lies in memory: for int8 inputs, entries
 * 128..255 belong to -128..-1. */
#ifndef EK_UKERNELS_X8_LUT_H
#define EK_UKERNELS_X8_LUT_H

#include "ukernels/ukernel.h"

typedef void ek_x8_lut_fn(size_t n, const uint8_t *x, uint8_t *y, const uint8_t table[256]);
EK_UKERNEL_FAMILY(x8_lut)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/x8_lut/x8_lut.inc"
#undef EK_UKERNEL

#endif
