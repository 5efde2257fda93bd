#include "ukernels/qs8_igemm/qs8_igemm.h"

#include "base/requantize.h"

#define EK_MR 2
#define EK_NR 4

void ek_qs8_igemm_ukernel_2x4__scalar(size_t mr, size_t nc, const ek_qs8_igemm_args *args) {
  const char *packed = args->w;
  int8_t *c0 = args->c;
  int8_t *c1 = mr > 1 ? c0 + args->cm_stride : c0;
  const size_t second = mr > 1 ? 1 : 0;
  for (size_t n0 = 0; n0 < nc; n0 += EK_NR) {
    /* Unsigned: an accumulator that overflows wraps, as in the vector rows, and is defined. */
    uint32_t acc0[EK_NR], acc1[EK_NR];
    __builtin_memcpy(acc0, packed, sizeof(acc0));
    __builtin_memcpy(acc1, packed, sizeof(acc1));
    const float *multiplier = (const float *)(const void *)(packed + sizeof(acc0));
    const int8_t *w = (const int8_t *)(packed + 2 * sizeof(acc0));
    for (size_t t = 0; t < args->ks; t++) {
      const uint32_t o0 = args->a_offsets[t * EK_MR], o1 = args->a_offsets[t * EK_MR + second];
      const int8_t *a0 = o0 == EK_IGEMM_PAD ? args->zero : args->a + o0;
      const int8_t *a1 = o1 == EK_IGEMM_PAD ? args->zero : args->a + o1;
      for (size_t k = 0; k < args->kc; k++, w += EK_NR) {
        for (size_t j = 0; j < EK_NR; j++) {
          acc0[j] += (uint32_t)(a0[k] * w[j]);
          acc1[j] += (uint32_t)(a1[k] * w[j]);
        }
      }
    }
    packed = (const char *)w;
    if (args->acc) {
      __builtin_memcpy(args->acc + second * EK_NR, acc1, sizeof(acc1));
      __builtin_memcpy(args->acc, acc0, sizeof(acc0));
      return;
    }
    const size_t columns = nc - n0 < EK_NR ? nc - n0 : EK_NR;
    for (size_t j = 0; j < columns; j++) {
      c1[j] = ek_requantize((int32_t)acc1[j], multiplier[j], args->zero_point, args->min, args->max);
      c0[j] = ek_requantize((int32_t)acc0[j], multiplier[j], args->zero_point, args->min, args->max);
    }
    c0 += args->cn_stride;
    c1 += args->cn_stride;
  }
}

#undef EK_MR
#undef EK_NR
