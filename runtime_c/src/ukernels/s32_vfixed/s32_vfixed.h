/* s32_vfixed: int32 sums to int8 in fixed point with two roundings, as gemmlowp and ruy do it (docs/numerics.md).
 *
 *   t = round(acc * 2^max(shift, 0) * multiplier / 2^31), ties away from zero; the shift to the left wraps in 32 bits
 *   u = round(t / 2^max(-shift, 0)), ties upwards, or away from zero where `away`
 *   y = clamp(u + zero_point, min, max)
 *
 * multiplier is in [2^30, 2^31) or 0, shift in [-31, 31]. */
#ifndef EK_UKERNELS_S32_VFIXED_H
#define EK_UKERNELS_S32_VFIXED_H

#include "ukernels/ukernel.h"

/* A row reads up to this many elements of acc, multiplier and shift, whose memory goes on as far: n rounded up to it. */
#define EK_S32_VFIXED_PADDING 16

typedef struct ek_s32_vfixed_params {
  int32_t away;
  int32_t zero_point; /* of the output */
  int32_t min, max;   /* of the output, within [-128, 127] */
} ek_s32_vfixed_params;

typedef void ek_s32_vfixed_fn(size_t n, const int32_t *acc, const int32_t *multiplier, const int32_t *shift, int8_t *y,
                              const ek_s32_vfixed_params *params);
EK_UKERNEL_FAMILY(s32_vfixed)

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/s32_vfixed/s32_vfixed.inc"
#undef EK_UKERNEL

#endif
