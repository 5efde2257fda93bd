/* Frame: overlapping frames of the last axis. */
#include "ek_ops_gen.h"
#include "ops/index.h"

static ek_status frame_shape(ek_op_context *ctx) {
  const ek_frame_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  if (x->rank < 1 || x->rank >= EK_MAX_RANK || attrs->length < 1 || attrs->step < 1) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "frames of %lld every %lld of a tensor of rank %u", (long long)attrs->length,
                      (long long)attrs->step, (unsigned)x->rank);
  }
  int64_t dims[EK_MAX_RANK];
  memcpy(dims, x->dims, sizeof dims);
  const int64_t n = dims[x->rank - 1];
  dims[x->rank - 1] = n >= attrs->length ? (n - attrs->length) / attrs->step + 1 : 0;
  dims[x->rank] = attrs->length;
  return ek_set_dims(ctx, ek_output(ctx, 0), x->rank + 1, dims);
}

typedef struct frame_job {
  const char *x;
  char *y;
  int64_t n, frames;
  size_t step, bytes, item;
} frame_job;

static void frame_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const frame_job *job = argument;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t line = i / (size_t)job->frames, frame = i % (size_t)job->frames;
    memcpy(job->y + i * job->bytes, job->x + line * (size_t)job->n * job->item + frame * job->step, job->bytes);
  }
}

static ek_status frame_run(ek_op_context *ctx) {
  const ek_frame_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  const size_t item = ek_dtype_size(x->dtype);
  frame_job job = {.x = x->data, .y = y->data, .n = x->dims[x->rank - 1], .frames = y->dims[y->rank - 2], .item = item};
  /* with one frame the step may be anything, but is not used */
  job.step = job.frames > 1 ? (size_t)attrs->step * item : 0;
  job.bytes = (size_t)attrs->length * item;
  ek_parallel_for(ctx->pool, (size_t)ek_dims_product(y->dims, 0, y->rank - 1), 65536 / job.bytes + 1, frame_range,
                  &job);
  return EK_OK;
}

const ek_op ek_op_frame = {"Frame", frame_shape, NULL, NULL, frame_run};
