#include "ukernel_test.h"
#include "ukernels/x32_transpose/x32_transpose.h"

#define FAMILY(x) ek_x32_transpose_##x
#define ELEMENT uint32_t

#include "transpose_test.inc"
