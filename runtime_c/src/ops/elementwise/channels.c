#include "ops/elementwise/channels.h"

#define EK_CHUNK 4096u

ek_status ek_channels_axis(ek_op_context *ctx, const ek_quant *first, const ek_quant *second, int32_t *axis) {
  *axis = first->axis;
  if (second != NULL && second->axis >= 0) {
    if (*axis >= 0 && *axis != second->axis) {
      return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "input and output are quantized along different axes");
    }
    *axis = second->axis;
  }
  return EK_OK;
}

typedef struct ek_channels_job {
  ek_channels_fn *fn;
  const void *argument;
  size_t total, channels, inner; /* elements, channels, elements of a channel in one piece */
} ek_channels_job;

/* One scale: an index is a chunk of elements. */
static void chunk_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const ek_channels_job *job = argument;
  const size_t from = begin * EK_CHUNK, to = end * EK_CHUNK < job->total ? end * EK_CHUNK : job->total;
  (void)thread;
  job->fn(job->argument, to - from, from, 0);
}

/* A scale a channel: an index is one piece of one channel. */
static void piece_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const ek_channels_job *job = argument;
  (void)thread;
  size_t channel = begin % job->channels;
  for (size_t i = begin; i < end; i++) {
    job->fn(job->argument, job->inner, i * job->inner, channel);
    channel = channel + 1 == job->channels ? 0 : channel + 1;
  }
}

void ek_channels_run(ek_thread_pool *pool, const ek_tensor *t, int32_t axis, ek_channels_fn *fn, const void *argument) {
  ek_channels_job job = {fn, argument, (size_t)ek_tensor_elements(t), 1, 1};
  if (job.total == 0) {
    return;
  }
  if (axis < 0) {
    ek_parallel_for(pool, (job.total + EK_CHUNK - 1) / EK_CHUNK, 2, chunk_range, &job);
    return;
  }
  job.channels = (size_t)t->dims[axis];
  for (uint32_t d = (uint32_t)axis + 1; d < t->rank; d++) job.inner *= (size_t)t->dims[d];
  ek_parallel_for(pool, job.total / job.inner, (2 * EK_CHUNK + job.inner - 1) / job.inner, piece_range, &job);
}
