/* qs8_avgpool: exact sums, one requantize (base/requantize.h).
 *
 *   acc[n] = bias + sum over t < taps of a[a_offsets[t] + n]                                    n < channels
 *   c[n]   = clamp(rne((float)acc[n] * multiplier) + zero_point, -128, 127)
 *
 * `bias` is -taps * (zero point of the input); the accumulator is an int32 that wraps. */
#ifndef EK_UKERNELS_QS8_AVGPOOL_H
#define EK_UKERNELS_QS8_AVGPOOL_H

#include "ukernels/pool.h"

typedef struct ek_qs8_avgpool_args {
  size_t taps;
  const int8_t *a;
  const uint32_t *a_offsets;
  int8_t *c;
  int32_t bias;
  float multiplier;
  int32_t zero_point; /* of the output */
} ek_qs8_avgpool_args;

typedef void ek_qs8_avgpool_fn(size_t channels, const ek_qs8_avgpool_args *args);
EK_UKERNEL_FAMILY(qs8_avgpool)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/qs8_avgpool/qs8_avgpool.inc"
#undef EK_UKERNEL

#endif
