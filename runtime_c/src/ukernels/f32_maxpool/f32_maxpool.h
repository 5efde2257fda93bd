/* f32_maxpool: c[n] = clamp(max over t < taps of a[a_offsets[t] + n]), n < channels; -infinity before the clamp where
 * taps is 0. */
#ifndef EK_UKERNELS_F32_MAXPOOL_H
#define EK_UKERNELS_F32_MAXPOOL_H

#include "ukernels/pool.h"

typedef struct ek_f32_maxpool_args {
  size_t taps;
  const float *a;
  const uint32_t *a_offsets;
  float *c;
  float min, max; /* -INFINITY, INFINITY for no clamp */
} ek_f32_maxpool_args;

typedef void ek_f32_maxpool_fn(size_t channels, const ek_f32_maxpool_args *args);
EK_UKERNEL_FAMILY(f32_maxpool)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/f32_maxpool/f32_maxpool.inc"
#undef EK_UKERNEL

#endif
