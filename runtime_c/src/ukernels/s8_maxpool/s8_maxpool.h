/* s8_maxpool: c[n] = clamp(max over t < taps of a[a_offsets[t] + n]), n < channels; -128 before the clamp where taps is
 * 0. */
#ifndef EK_UKERNELS_S8_MAXPOOL_H
#define EK_UKERNELS_S8_MAXPOOL_H

#include "ukernels/pool.h"

typedef struct ek_s8_maxpool_args {
  size_t taps;
  const int8_t *a;
  const uint32_t *a_offsets;
  int8_t *c;
  int8_t min, max;
} ek_s8_maxpool_args;

typedef void ek_s8_maxpool_fn(size_t channels, const ek_s8_maxpool_args *args);
EK_UKERNEL_FAMILY(s8_maxpool)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/s8_maxpool/s8_maxpool.inc"
#undef EK_UKERNEL

#endif
