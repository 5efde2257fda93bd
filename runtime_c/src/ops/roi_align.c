/* RoiAlign: regions of a feature map, pooled to one size with bilinear samples. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/index.h"

#define EK_ROI_MAX_SAMPLES 4096

static ek_status roi_align_shape(ek_op_context *ctx) {
  const ek_roi_align_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *rois = ek_input(ctx, 1), *batch = ek_input(ctx, 2);
  if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 4 || batch->rank != 1 || batch->dims[0] != rois->dims[0]) {
    return ek_op_fail(ctx, EK_ERR_SHAPE,
                      "a tensor [N, C, H, W], regions [count, 4] and batch indices [count] are needed");
  }
  if (attrs->mode > EK_ROI_ALIGN_MODE_MAX || attrs->output_height < 1 || attrs->output_width < 1 ||
      attrs->sampling_ratio < 0 || attrs->sampling_ratio > EK_ROI_MAX_SAMPLES || x->dims[2] > 1 << 24 ||
      x->dims[3] > 1 << 24 || x->dims[2] < 1 || x->dims[3] < 1) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "impossible sizes: output %lld x %lld, sampling ratio %lld",
                      (long long)attrs->output_height, (long long)attrs->output_width,
                      (long long)attrs->sampling_ratio);
  }
  const int64_t dims[4] = {rois->dims[0], x->dims[1], attrs->output_height, attrs->output_width};
  return ek_set_dims(ctx, ek_output(ctx, 0), 4, dims);
}

/* One axis of one region. */
typedef struct roi_axis {
  double start, cell;
  int64_t samples, n;
} roi_axis;

static roi_axis make_axis(const ek_roi_align_attrs *attrs, float from, float to, int64_t cells, int64_t n) {
  const bool half = attrs->coordinate_mode == EK_ROI_ALIGN_COORDINATE_MODE_HALF_PIXEL;
  const double offset = half ? 0.5 : 0.0, scale = (double)attrs->spatial_scale;
  const double start = (double)from * scale - offset, end = (double)to * scale - offset;
  double length = end - start;
  if (!half && !(length > 1.0)) length = 1.0;
  roi_axis axis = {start, length / (double)cells, attrs->sampling_ratio, n};
  if (axis.samples == 0) {
    const double count = ceil(axis.cell);
    axis.samples = count > 0.0 ? count <= EK_ROI_MAX_SAMPLES ? (int64_t)count : EK_ROI_MAX_SAMPLES + 1 : 0;
  }
  return axis;
}

/* The two neighbours of sample k of a cell; weights are zero outside. */
static void make_sample(const roi_axis *a, int64_t cell, int64_t k, int64_t *index, double *weight) {
  double at = a->start + (double)cell * a->cell + ((double)k + 0.5) * a->cell / (double)a->samples;
  index[0] = index[1] = 0;
  weight[0] = weight[1] = 0.0;
  if (!(at >= -1.0 && at <= (double)a->n)) return;
  at = at > 0.0 ? at : 0.0;
  index[0] = (int64_t)at;
  if (index[0] >= a->n - 1) {
    index[0] = index[1] = a->n - 1;
    weight[0] = 1.0;
    return;
  }
  index[1] = index[0] + 1;
  weight[1] = at - (double)index[0];
  weight[0] = 1.0 - weight[1];
}

static double pool_cell(const float *x, const roi_axis *rows, const roi_axis *columns, int64_t row, int64_t column,
                        bool largest) {
  double total = largest ? -INFINITY : 0.0;
  for (int64_t i = 0; i < rows->samples; i++) {
    for (int64_t j = 0; j < columns->samples; j++) {
      int64_t r[2], c[2];
      double rw[2], cw[2];
      make_sample(rows, row, i, r, rw);
      make_sample(columns, column, j, c, cw);
      for (int k = 0; k < 4; k++) {
        const double v = (double)x[r[k / 2] * columns->n + c[k % 2]] * (rw[k / 2] * cw[k % 2]);
        total = !largest ? total + v : v > total ? v : total;
      }
    }
  }
  return largest ? total : total / ((double)rows->samples * (double)columns->samples);
}

typedef struct roi_job {
  const ek_roi_align_attrs *attrs;
  const ek_tensor *x, *rois, *batch;
  float *y;
} roi_job;

static void region_axes(const roi_job *job, int64_t n, roi_axis *rows, roi_axis *columns) {
  const float *roi = (const float *)job->rois->data + 4 * n;
  *columns = make_axis(job->attrs, roi[0], roi[2], job->attrs->output_width, job->x->dims[3]);
  *rows = make_axis(job->attrs, roi[1], roi[3], job->attrs->output_height, job->x->dims[2]);
}

static void roi_align_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const roi_job *job = argument;
  const int64_t h = job->attrs->output_height, w = job->attrs->output_width, channels = job->x->dims[1];
  const int64_t plane = job->x->dims[2] * job->x->dims[3];
  (void)thread;
  for (size_t k = begin; k < end; k++) { /* one region and channel */
    const int64_t n = (int64_t)k / channels, c = (int64_t)k % channels, image = ek_index_at(job->batch, n);
    roi_axis rows, columns;
    region_axes(job, n, &rows, &columns);
    const float *x =
        (const float *)job->x->data + ((image < 0 ? image + job->x->dims[0] : image) * channels + c) * plane;
    float *y = job->y + (int64_t)k * h * w;
    for (int64_t i = 0; i < h * w; i++) {
      y[i] = rows.samples * columns.samples == 0
                 ? 0.0f
                 : (float)pool_cell(x, &rows, &columns, i / w, i % w, job->attrs->mode == EK_ROI_ALIGN_MODE_MAX);
    }
  }
}

static ek_status roi_align_run(ek_op_context *ctx) {
  roi_job job = {ctx->attrs, ek_input(ctx, 0), ek_input(ctx, 1), ek_input(ctx, 2), ek_output(ctx, 0)->data};
  const int64_t count = job.rois->dims[0];
  EK_TRY(ek_check_indices(ctx, job.batch, 0, 1, count, job.x->dims[0]));
  for (int64_t n = 0; n < count; n++) {
    roi_axis rows, columns;
    region_axes(&job, n, &rows, &columns);
    if (rows.samples > EK_ROI_MAX_SAMPLES || columns.samples > EK_ROI_MAX_SAMPLES) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "region %lld is too large to sample", (long long)n);
    }
  }
  ek_parallel_for(ctx->pool, (size_t)(count * job.x->dims[1]), 1, roi_align_range, &job);
  return EK_OK;
}

const ek_op ek_op_roi_align = {"RoiAlign", roi_align_shape, NULL, NULL, roi_align_run};
