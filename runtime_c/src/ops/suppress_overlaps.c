/* SuppressOverlaps: which boxes stay when each removes the later ones that overlap it too much.
 *
 * All comparisons are float32, each operation rounded once, so the choice is the same on every CPU. */
#include "ek_ops_gen.h"
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

typedef struct flat_box {
  float x0, y0, x1, y1;
} flat_box;

static float smaller(float a, float b) { return b < a ? b : a; }
static float larger(float a, float b) { return b > a ? b : a; }

static flat_box box_at(const float *b) {
  return (flat_box){smaller(b[0], b[2]), smaller(b[1], b[3]), larger(b[0], b[2]), larger(b[1], b[3])};
}

static bool overlaps(flat_box a, flat_box b, float threshold) {
  const float w = smaller(a.x1, b.x1) - larger(a.x0, b.x0), h = smaller(a.y1, b.y1) - larger(a.y0, b.y0);
  if (!(w > 0.0f && h > 0.0f)) return false;
  const float inter = w * h, area_a = (a.x1 - a.x0) * (a.y1 - a.y0), area_b = (b.x1 - b.x0) * (b.y1 - b.y0);
  const float both = area_a + area_b - inter;
  return inter > 0.0f && area_a > 0.0f && area_b > 0.0f && both > 0.0f && inter / both > threshold;
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
      const flat_box box = box_at(boxes + 4 * i);
      for (int64_t j = 0; j < i && stays; j++) {
        if (job->y[base + j] == 0) continue;
        if (job->classes != NULL && ek_index_at(job->classes, base + j) != ek_index_at(job->classes, base + i))
          continue;
        stays = !overlaps(box, box_at(boxes + 4 * j), job->threshold);
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
