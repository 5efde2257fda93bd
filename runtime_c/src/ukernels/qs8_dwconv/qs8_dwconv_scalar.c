#include "ukernels/qs8_dwconv/qs8_dwconv.h"

#include "base/requantize.h"

#define EK_NR 4

void ek_qs8_dwconv_ukernel_1x4__scalar(size_t mr, size_t channels, const ek_qs8_dwconv_args *args) {
  const char *packed = args->w;
  (void)mr; /* always 1 */
  for (size_t n0 = 0; n0 < channels; n0 += EK_NR) {
    const size_t columns = channels - n0 < EK_NR ? channels - n0 : EK_NR;
    uint32_t acc[EK_NR];
    __builtin_memcpy(acc, packed, sizeof(acc));
    const float *multiplier = (const float *)(const void *)(packed + sizeof(acc));
    const int8_t *w = (const int8_t *)(packed + 2 * sizeof(acc));
    for (size_t t = 0; t < args->taps; t++, w += EK_NR) {
      const uint32_t offset = args->a_offsets[t];
      const int8_t *a = (offset == EK_IGEMM_PAD ? args->zero : args->a + offset) + n0;
      for (size_t j = 0; j < columns; j++) acc[j] += (uint32_t)(a[j] * w[j]);
    }
    packed = (const char *)w;
    if (args->acc) {
      __builtin_memcpy(args->acc, acc, sizeof(acc));
      return;
    }
    for (size_t j = 0; j < columns; j++) {
      args->c[n0 + j] = ek_requantize((int32_t)acc[j], multiplier[j], args->zero_point, args->min, args->max);
    }
  }
}

#undef EK_NR
