/* Col2Im: overlapping blocks, one a column, added up to an image. */
#include <string.h>

#include "ek_ops_gen.h"
#include "ops/index.h"

#define EK_MAX_SPATIAL 6

typedef struct geometry {
  uint32_t n;
  int64_t image[EK_MAX_RANK], block[EK_MAX_RANK], places[EK_MAX_RANK];
  int64_t step[EK_MAX_SPATIAL], dilation[EK_MAX_SPATIAL], pad[EK_MAX_SPATIAL];
  int64_t taps, columns, pixels;
} geometry;

/* Sizes beyond this cannot be those of a tensor; sums of a few of them do not overflow. */
static bool is_size(int64_t v) { return v >= 0 && v < INT64_C(1) << 40; }

static ek_status product(ek_op_context *ctx, const int64_t *v, uint32_t n, int64_t *out) {
  *out = 1;
  for (uint32_t i = 0; i < n; i++) {
    if (v[i] != 0 && *out > (INT64_C(1) << 48) / v[i]) return ek_op_fail(ctx, EK_ERR_SHAPE, "the image is too large");
    *out *= v[i];
  }
  return EK_OK;
}

static ek_status read_geometry(ek_op_context *ctx, geometry *g) {
  const ek_col2_im_attrs *attrs = ctx->attrs;
  uint32_t n = 0, blocks = 0;
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 1), g->image, EK_MAX_RANK, &n));
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 2), g->block, EK_MAX_RANK, &blocks));
  const bool lists = (attrs->dilations.count == 0 || attrs->dilations.count == n) &&
                     (attrs->strides.count == 0 || attrs->strides.count == n) &&
                     (attrs->pads.count == 0 || attrs->pads.count == 2 * n);
  if (ek_input(ctx, 0)->rank != 3 || n < 1 || n > EK_MAX_SPATIAL || blocks != n || !lists) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "columns of rank 3, and one image and block size a dimension are needed");
  }
  g->n = n;
  for (uint32_t i = 0; i < n; i++) {
    const int64_t behind = attrs->pads.count != 0 ? attrs->pads.data[n + i] : 0;
    g->step[i] = attrs->strides.count != 0 ? attrs->strides.data[i] : 1;
    g->dilation[i] = attrs->dilations.count != 0 ? attrs->dilations.data[i] : 1;
    g->pad[i] = attrs->pads.count != 0 ? attrs->pads.data[i] : 0;
    if (!is_size(g->image[i]) || !is_size(g->block[i]) || g->block[i] < 1 || !is_size(g->step[i]) || g->step[i] < 1 ||
        !is_size(g->dilation[i]) || g->dilation[i] < 1 || g->dilation[i] > (INT64_C(1) << 20) ||
        g->block[i] > (INT64_C(1) << 20) || !is_size(g->pad[i]) || !is_size(behind)) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the sizes of image, blocks, strides or pads are impossible");
    }
    const int64_t span = g->image[i] + g->pad[i] + behind - g->dilation[i] * (g->block[i] - 1) - 1;
    g->places[i] = span < 0 ? 0 : span / g->step[i] + 1;
  }
  EK_TRY(product(ctx, g->block, n, &g->taps));
  EK_TRY(product(ctx, g->places, n, &g->columns));
  return product(ctx, g->image, n, &g->pixels);
}

static ek_status col2_im_shape(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  geometry g;
  int64_t dims[2 + EK_MAX_SPATIAL];
  EK_TRY(read_geometry(ctx, &g));
  if (x->dims[1] % g.taps != 0 || x->dims[2] != g.columns) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%lld channels of %lld columns do not fit blocks of %lld at %lld places",
                      (long long)x->dims[1], (long long)x->dims[2], (long long)g.taps, (long long)g.columns);
  }
  dims[0] = x->dims[0];
  dims[1] = x->dims[1] / g.taps;
  for (uint32_t i = 0; i < g.n; i++) dims[2 + i] = g.image[i];
  return ek_set_dims(ctx, ek_output(ctx, 0), 2 + g.n, dims);
}

typedef struct col2_im_job {
  const float *x;
  float *y;
  geometry g;
} col2_im_job;

/* One image plane a step. Column by column, tap by tap: sums are made in the same order whatever the number of threads. */
static void planes(void *argument, size_t begin, size_t end, uint32_t thread) {
  const col2_im_job *job = argument;
  const geometry *g = &job->g;
  (void)thread;
  for (size_t p = begin; p < end; p++) {
    float *y = job->y + (int64_t)p * g->pixels;
    memset(y, 0, (size_t)g->pixels * sizeof *y);
    for (int64_t tap = 0; tap < g->taps; tap++) {
      const float *x = job->x + ((int64_t)p * g->taps + tap) * g->columns;
      int64_t begin_at[EK_MAX_SPATIAL], at[EK_MAX_SPATIAL] = {0}, rest = tap;
      for (uint32_t i = g->n; i-- > 0;) {
        begin_at[i] = rest % g->block[i] * g->dilation[i] - g->pad[i];
        rest /= g->block[i];
      }
      for (int64_t column = 0; column < g->columns; column++) {
        int64_t to = 0;
        bool inside = true;
        for (uint32_t i = 0; i < g->n; i++) {
          const int64_t v = begin_at[i] + at[i] * g->step[i];
          inside = inside && v >= 0 && v < g->image[i];
          to = to * g->image[i] + v;
        }
        if (inside) y[to] += x[column];
        for (uint32_t i = g->n; i-- > 0;) {
          if (++at[i] < g->places[i]) break;
          at[i] = 0;
        }
      }
    }
  }
}

static ek_status col2_im_run(ek_op_context *ctx) {
  const ek_tensor *y = ek_output(ctx, 0);
  col2_im_job job = {.x = ek_input(ctx, 0)->data, .y = y->data};
  EK_TRY(read_geometry(ctx, &job.g));
  ek_parallel_for(ctx->pool, (size_t)(y->dims[0] * y->dims[1]), 1, planes, &job);
  return EK_OK;
}

const ek_op ek_op_col2_im = {"Col2Im", col2_im_shape, NULL, NULL, col2_im_run};
