#include "ukernels/f32_dwconv/f32_dwconv.h"

#define EK_NR 4

void ek_f32_dwconv_ukernel_1x4__scalar(size_t mr, size_t channels, const ek_f32_dwconv_args *args) {
  const float *w = args->w;
  (void)mr; /* always 1 */
  for (size_t n0 = 0; n0 < channels; n0 += EK_NR) {
    const size_t columns = channels - n0 < EK_NR ? channels - n0 : EK_NR;
    float acc[EK_NR];
    for (size_t j = 0; j < EK_NR; j++) acc[j] = w[j];
    w += EK_NR;
    for (size_t t = 0; t < args->taps; t++, w += EK_NR) {
      const uint32_t offset = args->a_offsets[t];
      const float *a = (offset == EK_IGEMM_PAD ? args->zero : args->a + offset) + n0;
      for (size_t j = 0; j < columns; j++) acc[j] += a[j] * w[j];
    }
    for (size_t j = 0; j < columns; j++) {
      const float x = acc[j] > args->min ? acc[j] : args->min;
      args->c[n0 + j] = x < args->max ? x : args->max;
    }
  }
}

#undef EK_NR
