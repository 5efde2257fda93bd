#include "ops/normalization/channels.h"

#include <math.h>

#define STRIPE 16 /* channels taken together where they lie side by side: a cache line of floats */

ek_status ek_channels_of(ek_op_context *ctx, const ek_tensor *x, bool channels_last, uint32_t least_rank,
                         ek_channels *out) {
  if (x->rank < least_rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "an input of rank %u or more is needed, got %u", least_rank, x->rank);
  }
  const uint32_t axis = channels_last ? x->rank - 1 : 1;
  out->batch = (size_t)x->dims[0];
  out->channels = (size_t)x->dims[axis];
  out->positions = 1;
  for (uint32_t i = 1; i < x->rank; i++) {
    out->positions *= i == axis ? 1 : (size_t)x->dims[i];
  }
  out->c_step = channels_last ? 1 : out->positions;
  out->s_step = channels_last ? out->channels : 1;
  if (out->positions == 0) { /* no element: nothing to do, and nothing to divide by */
    out->batch = 0;
  }
  return EK_OK;
}

ek_status ek_channels_check(ek_op_context *ctx, const ek_channels *c, uint32_t first, uint32_t last) {
  for (uint32_t i = first; i <= last; i++) {
    const ek_tensor *v = ek_input(ctx, i);
    if (v->rank != 1 || v->dims[0] < 0 || (size_t)v->dims[0] != c->channels) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "input %u needs one entry for each of %zu channels", i, c->channels);
    }
  }
  return EK_OK;
}

typedef struct job {
  ek_channels shape;
  size_t width;           /* channels of a group */
  size_t stripe, stripes; /* of one image: groups done together */
  double epsilon;
  const float *x, *scale, *bias;
  float *y;
} job;

/* `groups` groups (at most STRIPE) that begin at channel `first` of one image: position by position, so that channels
 * that lie side by side are read together. */
static void standardize(const job *j, const float *x, float *y, size_t first, size_t groups) {
  const ek_channels *s = &j->shape;
  const double count = (double)s->positions * (double)j->width;
  double mean[STRIPE] = {0}, square[STRIPE] = {0};
  for (size_t p = 0; p < s->positions; p++) {
    for (size_t g = 0; g < groups; g++) {
      for (size_t c = first + g * j->width; c < first + (g + 1) * j->width; c++) {
        mean[g] += (double)x[p * s->s_step + c * s->c_step];
      }
    }
  }
  for (size_t g = 0; g < groups; g++) {
    mean[g] /= count;
  }
  for (size_t p = 0; p < s->positions; p++) {
    for (size_t g = 0; g < groups; g++) {
      for (size_t c = first + g * j->width; c < first + (g + 1) * j->width; c++) {
        const double v = (double)x[p * s->s_step + c * s->c_step] - mean[g];
        square[g] += v * v;
      }
    }
  }
  for (size_t g = 0; g < groups; g++) {
    square[g] = 1 / sqrt(square[g] / count + j->epsilon);
  }
  for (size_t p = 0; p < s->positions; p++) {
    for (size_t g = 0; g < groups; g++) {
      for (size_t c = first + g * j->width; c < first + (g + 1) * j->width; c++) {
        const size_t at = p * s->s_step + c * s->c_step;
        y[at] = (float)(((double)x[at] - mean[g]) * square[g] * (double)j->scale[c] + (double)j->bias[c]);
      }
    }
  }
}

static void standardize_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const size_t image = j->shape.channels * j->shape.positions, groups = j->shape.channels / j->width;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t at = i / j->stripes * image, first = i % j->stripes * j->stripe;
    standardize(j, j->x + at, j->y + at, first * j->width, groups - first < j->stripe ? groups - first : j->stripe);
  }
}

void ek_channels_standardize(ek_thread_pool *pool, const ek_channels *shape, size_t groups, float epsilon,
                             const float *x, const float *scale, const float *bias, float *y) {
  if (shape->batch == 0 || shape->channels == 0) {
    return;
  }
  job j = {*shape, shape->channels / groups, 1, groups, (double)epsilon, x, scale, bias, y};
  if (shape->c_step == 1 && j.width < STRIPE) {
    j.stripe = STRIPE;
    j.stripes = (groups + STRIPE - 1) / STRIPE;
  }
  ek_parallel_for(pool, shape->batch * j.stripes, 1, standardize_range, &j);
}
