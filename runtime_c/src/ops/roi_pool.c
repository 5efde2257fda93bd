/* RoiPool: the largest element of each cell of regions of a feature map. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/index.h"

#define EK_ROI_POOL_FARTHEST 16777216.0

static ek_status roi_pool_shape(ek_op_context *ctx) {
  const ek_roi_pool_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *rois = ek_input(ctx, 1), *batch = ek_input(ctx, 2);
  if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 4 || batch->rank != 1 || batch->dims[0] != rois->dims[0]) {
    return ek_op_fail(ctx, EK_ERR_SHAPE,
                      "a tensor [N, C, H, W], regions [count, 4] and batch indices [count] are needed");
  }
  if (attrs->output_height < 1 || attrs->output_width < 1 || attrs->output_height > 1 << 20 ||
      attrs->output_width > 1 << 20) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "output size %lld x %lld", (long long)attrs->output_height,
                      (long long)attrs->output_width);
  }
  const int64_t dims[4] = {rois->dims[0], x->dims[1], attrs->output_height, attrs->output_width};
  return ek_set_dims(ctx, ek_output(ctx, 0), 4, dims);
}

/* The nearest integer, halves away from zero; 0 for NaN. */
static int64_t whole(float v) {
  double held = v == v ? (double)v : 0.0;
  if (held > EK_ROI_POOL_FARTHEST) held = EK_ROI_POOL_FARTHEST;
  if (held < -EK_ROI_POOL_FARTHEST) held = -EK_ROI_POOL_FARTHEST;
  return held >= 0.0 ? (int64_t)floor(held + 0.5) : (int64_t)ceil(held - 0.5);
}

/* One axis of one region. */
typedef struct roi_side {
  int64_t first, size;
  float cell;
} roi_side;

static roi_side make_side(float from, float to, float scale, int64_t cells, int64_t size) {
  const int64_t first = whole(from * scale), length = whole(to * scale) - first + 1;
  return (roi_side){first, size, (float)(length > 1 ? length : 1) / (float)cells};
}

static int64_t held_inside(int64_t v, int64_t size) { return v < 0 ? 0 : v > size ? size : v; }
static int64_t cell_begin(const roi_side *s, int64_t i) {
  return held_inside((int64_t)floorf((float)i * s->cell) + s->first, s->size);
}
static int64_t cell_end(const roi_side *s, int64_t i) {
  return held_inside((int64_t)ceilf((float)(i + 1) * s->cell) + s->first, s->size);
}

typedef struct roi_pool_job {
  const ek_roi_pool_attrs *attrs;
  const ek_tensor *x, *rois, *batch;
  float *y;
} roi_pool_job;

static float largest(const float *x, int64_t width, const int64_t rows[2], const int64_t columns[2]) {
  if (rows[1] <= rows[0] || columns[1] <= columns[0]) return 0.0f;
  float best = x[rows[0] * width + columns[0]];
  for (int64_t r = rows[0]; r < rows[1]; r++) {
    for (int64_t c = columns[0]; c < columns[1]; c++) {
      const float v = x[r * width + c];
      if (v > best) best = v;
    }
  }
  return best;
}

static void roi_pool_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const roi_pool_job *job = argument;
  const int64_t h = job->attrs->output_height, w = job->attrs->output_width, channels = job->x->dims[1];
  const int64_t height = job->x->dims[2], width = job->x->dims[3];
  (void)thread;
  for (size_t k = begin; k < end; k++) { /* one region and channel */
    const int64_t n = (int64_t)k / channels, c = (int64_t)k % channels, image = ek_index_at(job->batch, n);
    const float *roi = (const float *)job->rois->data + 4 * n, scale = job->attrs->spatial_scale;
    const roi_side columns = make_side(roi[0], roi[2], scale, w, width);
    const roi_side rows = make_side(roi[1], roi[3], scale, h, height);
    const float *x =
        (const float *)job->x->data + ((image < 0 ? image + job->x->dims[0] : image) * channels + c) * height * width;
    float *y = job->y + (int64_t)k * h * w;
    for (int64_t i = 0; i < h * w; i++) {
      const int64_t r[2] = {cell_begin(&rows, i / w), cell_end(&rows, i / w)};
      const int64_t s[2] = {cell_begin(&columns, i % w), cell_end(&columns, i % w)};
      y[i] = largest(x, width, r, s);
    }
  }
}

static ek_status roi_pool_run(ek_op_context *ctx) {
  roi_pool_job job = {ctx->attrs, ek_input(ctx, 0), ek_input(ctx, 1), ek_input(ctx, 2), ek_output(ctx, 0)->data};
  const int64_t count = job.rois->dims[0];
  EK_TRY(ek_check_indices(ctx, job.batch, 0, 1, count, job.x->dims[0]));
  ek_parallel_for(ctx->pool, (size_t)(count * job.x->dims[1]), 1, roi_pool_range, &job);
  return EK_OK;
}

const ek_op ek_op_roi_pool = {"RoiPool", roi_pool_shape, NULL, NULL, roi_pool_run};
