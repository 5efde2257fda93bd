#include "ukernels/s8_maxpool/s8_maxpool.h"

#define EK_NR 4

void ek_s8_maxpool_ukernel_1x4__scalar(size_t channels, const ek_s8_maxpool_args *args) {
  for (size_t n0 = 0; n0 < channels; n0 += EK_NR) {
    const size_t columns = channels - n0 < EK_NR ? channels - n0 : EK_NR;
    int8_t x[EK_NR];
    for (size_t j = 0; j < EK_NR; j++) x[j] = args->min;
    for (size_t t = 0; t < args->taps; t++) {
      const int8_t *a = args->a + args->a_offsets[t] + n0;
      for (size_t j = 0; j < columns; j++) x[j] = a[j] > x[j] ? a[j] : x[j];
    }
    for (size_t j = 0; j < columns; j++) args->c[n0 + j] = x[j] < args->max ? x[j] : args->max;
  }
}

#undef EK_NR
