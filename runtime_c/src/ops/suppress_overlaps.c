/* SuppressOverlaps: which boxes stay when each removes the later ones that overlap it too much.
 *
 * All comparisons are float32, each operation rounded once, so the choice is the same on every CPU. */
#include "ek_ops_gen.h"
#include "ops/boxes.h"
#include "ops/index.h"

static ek_status suppress_shape(ek_op_context *ctx) {
  const ek_tensor *boxes = ek_input(ctx, 0), *candidates = ek_input(ctx, 1), *classes = ek_input(ctx, 2);
  if (boxes->rank != 3 || boxes->dims[2] != 4 || candidates->rank != 2 || candidates->dims[0] != boxes->dims[0] ||
      candidates->dims[1] != boxes->dims[1] ||
      (classes != NULL &&
       (classes->rank != 2 || classes->dims[0] != boxes->dims[0] || classes->dims[1] != boxes->dims[1]))) {
    return ek_op_fail(ctx, EK_ERR_SHAPE,
                      "boxes [batch, n, 4], candidates [batch, n] and classes [batch, n] are needed");
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), 2, boxes->dims);
}

typedef struct suppress_job {
  const ek_tensor *boxes, *candidates, *classes;
  uint8_t *y;
  float threshold;
} suppress_job;

static void suppress_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const suppress_job *job = argument;
  const int64_t n = job->boxes->dims[1];
  (void)thread;
  for (size_t batch = begin; batch < end; batch++) {
    const int64_t base = (int64_t)batch * n;
    const float *boxes = (const float *)job->boxes->data + 4 * base;
    for (int64_t i = 0; i < n; i++) {
      bool stays = ((const uint8_t *)job->candidates->data)[base + i] != 0;
      const ek_box box = ek_box_between(boxes + 4 * i);
      for (int64_t j = 0; j < i && stays; j++) {
        if (job->y[base + j] == 0) continue;
        if (job->classes != NULL && ek_index_at(job->classes, base + j) != ek_index_at(job->classes, base + i))
          continue;
        stays = !ek_boxes_overlap(box, ek_box_between(boxes + 4 * j), job->threshold);
      }
      job->y[base + i] = stays ? 1 : 0;
    }
  }
}

static ek_status suppress_run(ek_op_context *ctx) {
  const ek_suppress_overlaps_attrs *attrs = ctx->attrs;
  suppress_job job = {ek_input(ctx, 0), ek_input(ctx, 1), ek_input(ctx, 2), ek_output(ctx, 0)->data, attrs->threshold};
  ek_parallel_for(ctx->pool, (size_t)job.boxes->dims[0], 1, suppress_range, &job);
  return EK_OK;
}

const ek_op ek_op_suppress_overlaps = {"SuppressOverlaps", suppress_shape, NULL, NULL, suppress_run};
