/* Operators that normalize within or across the channels of images. */
#ifndef EK_OPS_NORMALIZATION_CHANNELS_H
#define EK_OPS_NORMALIZATION_CHANNELS_H

#include "ops/op.h"

/* An image tensor as batch x channels x positions. Element (n, c, s) is number n * channels * positions + c * c_step +
 * s * s_step. */
typedef struct ek_channels {
  size_t batch, channels, positions, c_step, s_step;
} ek_channels;

/* `least_rank` dimensions are needed; the channels are dimension 1, or the last. */
ek_status ek_channels_of(ek_op_context *ctx, const ek_tensor *x, bool channels_last, uint32_t least_rank,
                         ek_channels *out);

/* Fails unless each of inputs first..last has shape [channels]. */
ek_status ek_channels_check(ek_op_context *ctx, const ek_channels *c, uint32_t first, uint32_t last);

/* Zero mean and unit variance over each image and group of channels, then scale[c] and bias[c]. */
void ek_channels_standardize(ek_thread_pool *pool, const ek_channels *shape, size_t groups, float epsilon,
                             const float *x, const float *scale, const float *bias, float *y);

#endif
