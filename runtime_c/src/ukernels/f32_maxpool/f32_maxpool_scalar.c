#include "ukernels/f32_maxpool/f32_maxpool.h"

#define EK_NR 4

void ek_f32_maxpool_ukernel_1x4__scalar(size_t channels, const ek_f32_maxpool_args *args) {
  for (size_t n0 = 0; n0 < channels; n0 += EK_NR) {
    const size_t columns = channels - n0 < EK_NR ? channels - n0 : EK_NR;
    float x[EK_NR];
    for (size_t j = 0; j < EK_NR; j++) x[j] = -__builtin_inff();
    for (size_t t = 0; t < args->taps; t++) {
      const float *a = args->a + args->a_offsets[t] + n0;
      for (size_t j = 0; j < columns; j++) x[j] = a[j] > x[j] ? a[j] : x[j];
    }
    for (size_t j = 0; j < columns; j++) {
      const float y = x[j] > args->min ? x[j] : args->min;
      args->c[n0 + j] = y < args->max ? y : args->max;
    }
  }
}

#undef EK_NR
