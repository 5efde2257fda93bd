/* Sums that are requantized in fixed point: kernels leave them as they are, a pass over each tile finishes them. */
#ifndef EK_OPS_LINEAR_FIXED_H
#define EK_OPS_LINEAR_FIXED_H

#include "ops/op.h"
#include "ops/quantized.h"
#include "ukernels/s32_vfixed/s32_vfixed.h"

typedef struct ek_fixed {
  const ek_s32_vfixed_row *row; /* NULL: requantize in float */
  size_t at;                    /* offset in the operator's state: multipliers, then shifts */
  size_t channels;              /* with padding */
  const int32_t *multiplier;    /* by output channel; NULL while there is no state */
  const int32_t *shift;
  ek_s32_vfixed_params params;
} ek_fixed;

/* `requantize` is the attribute's value: 0 float, 1 fixed_up, 2 fixed_away. Reserves room in the state. */
void ek_fixed_plan(ek_op_context *ctx, uint8_t requantize, size_t channels, int32_t zero_point, int32_t min,
                   int32_t max, size_t *state, ek_fixed *f);
/* Writes what f points to: m = s_x * s_w[c] / s_y. */
void ek_fixed_fill(const ek_fixed *f, const ek_tensor *x, const ek_tensor *w, const ek_tensor *y, void *state,
                   size_t channels);
/* A positive factor as multiplier * 2^(shift - 31). */
void ek_fixed_factor(double m, int32_t *multiplier, int32_t *shift);

/* Finishes `rows` rows of n sums that lie stride elements apart, from output channel `channel` on. */
static inline void ek_fixed_finish(const ek_fixed *f, size_t rows, size_t n, const int32_t *acc, size_t stride,
                                   size_t channel, int8_t *c, size_t cm_stride) {
  for (size_t m = 0; m < rows; m++) {
    f->row->fn(n, acc + m * stride, f->multiplier + channel, f->shift + channel, c + m * cm_stride, &f->params);
  }
}

#endif
