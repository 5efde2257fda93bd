#include "ukernels/f32_avgpool/f32_avgpool.h"

#define EK_NR 4

void ek_f32_avgpool_ukernel_1x4__scalar(size_t channels, const ek_f32_avgpool_args *args) {
  for (size_t n0 = 0; n0 < channels; n0 += EK_NR) {
    const size_t columns = channels - n0 < EK_NR ? channels - n0 : EK_NR;
    float x[EK_NR] = {0};
    for (size_t t = 0; t < args->taps; t++) {
      const float *a = args->a + args->a_offsets[t] + n0;
      for (size_t j = 0; j < columns; j++) x[j] += a[j];
    }
    for (size_t j = 0; j < columns; j++) args->c[n0 + j] = x[j] * args->scale;
  }
}

#undef EK_NR
