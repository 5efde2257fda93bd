/* f32_avgpool: c[n] = scale * sum over t < taps of a[a_offsets[t] + n], n < channels. */
#ifndef EK_UKERNELS_F32_AVGPOOL_H
#define EK_UKERNELS_F32_AVGPOOL_H

#include "ukernels/pool.h"

typedef struct ek_f32_avgpool_args {
  size_t taps;
  const float *a;
  const uint32_t *a_offsets;
  float *c;
  float scale; /* 1 / count */
} ek_f32_avgpool_args;

typedef void ek_f32_avgpool_fn(size_t channels, const ek_f32_avgpool_args *args);
EK_UKERNEL_FAMILY(f32_avgpool)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/f32_avgpool/f32_avgpool.inc"
#undef EK_UKERNEL

#endif
