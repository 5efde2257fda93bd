#include "ukernels/qs8_avgpool/qs8_avgpool.h"

#include "base/requantize.h"

#define EK_NR 4

void ek_qs8_avgpool_ukernel_1x4__scalar(size_t channels, const ek_qs8_avgpool_args *args) {
  for (size_t n0 = 0; n0 < channels; n0 += EK_NR) {
    const size_t columns = channels - n0 < EK_NR ? channels - n0 : EK_NR;
    uint32_t x[EK_NR];
    for (size_t j = 0; j < EK_NR; j++) x[j] = (uint32_t)args->bias;
    for (size_t t = 0; t < args->taps; t++) {
      const int8_t *a = args->a + args->a_offsets[t] + n0;
      for (size_t j = 0; j < columns; j++) x[j] += (uint32_t)a[j];
    }
    for (size_t j = 0; j < columns; j++) {
      args->c[n0 + j] = ek_requantize((int32_t)x[j], args->multiplier, args->zero_point, -128, 127);
    }
  }
}

#undef EK_NR
