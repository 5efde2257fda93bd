/* GridSample: reads a tensor at positions a grid gives. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/index.h"

#define EK_GRID_MAX_SPATIAL 3
#define EK_GRID_FAR 1e7f /* farther away (or NaN) counts as this far */

static ek_status grid_sample_shape(ek_op_context *ctx) {
  const ek_grid_sample_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *grid = ek_input(ctx, 1);
  int64_t dims[EK_MAX_RANK];
  if (attrs->mode > EK_GRID_SAMPLE_MODE_CUBIC || attrs->padding_mode > EK_GRID_SAMPLE_PADDING_MODE_REFLECTION) {
    return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "a mode is unknown");
  }
  if (x->rank < 3 || x->rank > 2 + EK_GRID_MAX_SPATIAL || grid->rank != x->rank ||
      grid->dims[grid->rank - 1] != (int64_t)x->rank - 2 || grid->dims[0] != x->dims[0]) {
    return ek_op_fail(ctx, EK_ERR_SHAPE,
                      "a tensor [N, C, spatial...] and a grid [N, out..., number of spatial dimensions] are needed");
  }
  dims[0] = x->dims[0];
  dims[1] = x->dims[1];
  for (uint32_t i = 2; i < x->rank; i++) {
    dims[i] = grid->dims[i - 1];
    if (x->dims[i] < 1 || x->dims[i] > 1 << 22)
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u is %lld", i, (long long)x->dims[i]);
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), x->rank, dims);
}

typedef struct grid_job {
  const ek_grid_sample_attrs *attrs;
  const ek_tensor *x;
  const float *grid;
  float *y;
  int64_t points; /* of one image */
  uint32_t spatial;
} grid_job;

/* The taps of one axis. */
typedef struct grid_taps {
  int64_t index[4];
  double weight[4];
  uint32_t count;
} grid_taps;

static double reflected(double at, double low, double high) {
  const double span = high - low;
  if (span <= 0.0) return low;
  const double away = fmod(fabs(at - low), 2.0 * span);
  return low + (away > span ? 2.0 * span - away : away);
}

static double limited(double at, double high) { return at < 0.0 ? 0.0 : at > high ? high : at; }

static void make_taps(const ek_grid_sample_attrs *attrs, float position, int64_t n, grid_taps *taps) {
  const float size = (float)n;
  const uint8_t padding = attrs->padding_mode;
  const double low = attrs->align_corners ? 0.0 : -0.5, high = attrs->align_corners ? (double)n - 1.0 : (double)n - 0.5;
  float f = attrs->align_corners ? (position + 1.0f) / 2.0f * (size - 1.0f) : ((position + 1.0f) * size - 1.0f) / 2.0f;
  f = f > -EK_GRID_FAR ? f < EK_GRID_FAR ? f : EK_GRID_FAR : -EK_GRID_FAR;
  const bool nearest = attrs->mode == EK_GRID_SAMPLE_MODE_NEAREST;
  double at = nearest ? rint((double)f) : (double)f;
  if (attrs->mode != EK_GRID_SAMPLE_MODE_CUBIC &&
      (at < low || at > high)) { /* cubic moves each tap inside on its own */
    if (padding == EK_GRID_SAMPLE_PADDING_MODE_BORDER) at = limited(at, (double)(n - 1));
    if (padding == EK_GRID_SAMPLE_PADDING_MODE_REFLECTION) at = reflected(at, low, high);
  }
  const double base = nearest ? rint(at) : floor(at), t = at - base, a = -0.75;
  double first = 0.0;
  if (nearest) {
    taps->count = 1;
    taps->weight[0] = 1.0;
  } else if (attrs->mode == EK_GRID_SAMPLE_MODE_LINEAR) {
    taps->count = 2;
    taps->weight[0] = 1.0 - t;
    taps->weight[1] = t;
  } else {
    taps->count = 4;
    first = -1.0;
    taps->weight[0] = ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a;
    taps->weight[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
    taps->weight[2] = ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1;
    taps->weight[3] = ((a * (2 - t) - 5 * a) * (2 - t) + 8 * a) * (2 - t) - 4 * a;
  }
  for (uint32_t k = 0; k < taps->count; k++) {
    double index = base + first + (double)k;
    if (padding == EK_GRID_SAMPLE_PADDING_MODE_ZEROS && (index < 0.0 || index > (double)(n - 1))) taps->weight[k] = 0.0;
    if (padding == EK_GRID_SAMPLE_PADDING_MODE_REFLECTION && (index < low || index > high))
      index = rint(reflected(index, low, high));
    taps->index[k] = (int64_t)limited(index, (double)(n - 1));
  }
}

static void grid_sample_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const grid_job *job = argument;
  const int64_t *dims = job->x->dims + 2;
  const int64_t plane = ek_dims_product(dims, 0, job->spatial), channels = job->x->dims[1];
  (void)thread;
  for (size_t k = begin; k < end; k++) {
    const int64_t image = (int64_t)k / job->points, point = (int64_t)k % job->points;
    grid_taps taps[EK_GRID_MAX_SPATIAL];
    for (uint32_t d = 0; d < EK_GRID_MAX_SPATIAL; d++) { /* missing leading dimensions have one element */
      const uint32_t missing = EK_GRID_MAX_SPATIAL - job->spatial;
      taps[d] = (grid_taps){.index = {0}, .weight = {1.0}, .count = 1};
      if (d >= missing)
        make_taps(job->attrs, job->grid[k * job->spatial + (EK_GRID_MAX_SPATIAL - 1 - d)], dims[d - missing], &taps[d]);
    }
    const int64_t h = job->spatial > 1 ? dims[job->spatial - 2] : 1, w = dims[job->spatial - 1];
    const float *x = (const float *)job->x->data + image * channels * plane;
    float *y = job->y + image * channels * job->points + point;
    for (int64_t c = 0; c < channels; c++, x += plane) {
      double total = 0.0;
      for (uint32_t i = 0; i < taps[0].count; i++) {
        for (uint32_t j = 0; j < taps[1].count; j++) {
          for (uint32_t m = 0; m < taps[2].count; m++) {
            const double weight = taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[m];
            total += (double)x[(taps[0].index[i] * h + taps[1].index[j]) * w + taps[2].index[m]] * weight;
          }
        }
      }
      y[c * job->points] = (float)total;
    }
  }
}

static ek_status grid_sample_run(ek_op_context *ctx) {
  grid_job job = {
      .attrs = ctx->attrs, .x = ek_input(ctx, 0), .grid = ek_input(ctx, 1)->data, .y = ek_output(ctx, 0)->data};
  const ek_tensor *grid = ek_input(ctx, 1);
  if (ek_tensor_elements(ek_output(ctx, 0)) == 0) return EK_OK;
  job.spatial = job.x->rank - 2;
  job.points = ek_dims_product(grid->dims, 1, grid->rank - 1);
  ek_parallel_for(ctx->pool, (size_t)(job.points * grid->dims[0]), (size_t)(2048 / job.x->dims[1] + 1),
                  grid_sample_range, &job);
  return EK_OK;
}

const ek_op ek_op_grid_sample = {"GridSample", grid_sample_shape, NULL, NULL, grid_sample_run};
