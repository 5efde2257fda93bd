/* Loops over a tensor in runs that share one scale: the whole tensor, or one channel of the quantization's axis at a time. */
#ifndef EK_OPS_ELEMENTWISE_CHANNELS_H
#define EK_OPS_ELEMENTWISE_CHANNELS_H

#include "ops/elementwise/types.h"

/* Handles n elements from `offset` on, of channel `channel` (0 where there is one scale). */
typedef void ek_channels_fn(const void *argument, size_t n, size_t offset, size_t channel);

/* The axis, or -1 when neither tensor has one; fails when they name two. */
ek_status ek_channels_axis(ek_op_context *ctx, const ek_quant *first, const ek_quant *second, int32_t *axis);
void ek_channels_run(ek_thread_pool *pool, const ek_tensor *t, int32_t axis, ek_channels_fn *fn, const void *argument);

/* Scale and zero point of a channel. */
static inline float ek_channel_scale(const ek_quant *q, size_t channel) { return q->scale[q->axis < 0 ? 0 : channel]; }
static inline int32_t ek_channel_zero(const ek_quant *q, size_t channel) {
  return q->zero_point[q->axis < 0 ? 0 : channel];
}

#endif
