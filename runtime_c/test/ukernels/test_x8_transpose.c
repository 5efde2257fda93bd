#include "ukernel_test.h"
#include "ukernels/x8_transpose/x8_transpose.h"

#define FAMILY(x) ek_x8_transpose_##x
#define ELEMENT uint8_t

#include "transpose_test.inc"
