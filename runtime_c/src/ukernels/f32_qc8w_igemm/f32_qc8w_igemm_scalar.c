#include "ukernels/f32_qc8w_igemm/f32_qc8w_igemm.h"

#define EK_MR 2
#define EK_NR 4

void ek_f32_qc8w_igemm_ukernel_2x4__scalar(size_t mr, size_t nc, const ek_f32_qc8w_igemm_args *args) {
  const char *packed = args->w;
  float *c0 = args->c;
  float *c1 = mr > 1 ? c0 + args->cm_stride : c0;
  const size_t second = mr > 1 ? 1 : 0;
  for (size_t n0 = 0; n0 < nc; n0 += EK_NR) {
    float acc0[EK_NR], acc1[EK_NR];
    const float *bias = (const float *)(const void *)packed, *scale = bias + EK_NR;
    const int8_t *w = (const int8_t *)(packed + 2 * sizeof(acc0));
    for (size_t j = 0; j < EK_NR; j++) acc0[j] = acc1[j] = 0.0f;
    for (size_t t = 0; t < args->ks; t++) {
      const uint32_t o0 = args->a_offsets[t * EK_MR], o1 = args->a_offsets[t * EK_MR + second];
      const float *a0 = o0 == EK_IGEMM_PAD ? args->zero : args->a + o0;
      const float *a1 = o1 == EK_IGEMM_PAD ? args->zero : args->a + o1;
      for (size_t k = 0; k < args->kc; k++, w += EK_NR) {
        for (size_t j = 0; j < EK_NR; j++) {
          acc0[j] += a0[k] * (float)w[j];
          acc1[j] += a1[k] * (float)w[j];
        }
      }
    }
    packed = (const char *)w;
    const size_t columns = nc - n0 < EK_NR ? nc - n0 : EK_NR;
    for (size_t j = 0; j < columns; j++) {
      float x1 = acc1[j] * scale[j] + bias[j], x0 = acc0[j] * scale[j] + bias[j];
      x1 = x1 > args->min ? x1 : args->min;
      x0 = x0 > args->min ? x0 : args->min;
      c1[j] = x1 < args->max ? x1 : args->max;
      c0[j] = x0 < args->max ? x0 : args->max;
    }
    c0 += args->cn_stride;
    c1 += args->cn_stride;
  }
}

#undef EK_MR
#undef EK_NR
