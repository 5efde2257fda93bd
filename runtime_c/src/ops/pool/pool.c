#include "ops/pool/pool.h"

#include <math.h>
#include <string.h>

#include "ukernels/f32_avgpool/f32_avgpool.h"
#include "ukernels/f32_maxpool/f32_maxpool.h"
#include "ukernels/qs8_avgpool/qs8_avgpool.h"
#include "ukernels/s8_maxpool/s8_maxpool.h"

#define GRAIN_ELEMENTS 16384
#define MEAN_BLOCK 64

typedef struct plan {
  ek_window window;
  ek_spatial in, out;
  size_t taps; /* most that lie inside the input at once */
  size_t item;
  size_t tables, run_x, run_y, scratch_bytes; /* offsets in the scratch */
} plan;

static ek_status read_window(ek_op_context *ctx, const ek_pool_spec *spec, ek_spatial *in, ek_spatial *out,
                             ek_window *window) {
  const ek_tensor *x = ek_input(ctx, 0);
  EK_TRY(ek_spatial_split(ctx, x, spec->channels_last, in));
  *out = *in;
  if (spec->global) {
    memset(window, 0, sizeof *window);
    for (uint32_t d = 0; d < EK_SPATIAL; d++) {
      if (in->size[d] == 0) {
        return ek_op_fail(ctx, EK_ERR_SHAPE, "a global pool needs at least one position");
      }
      window->kernel[d] = in->size[d];
      window->stride[d] = window->dilation[d] = 1;
      out->size[d] = 1;
    }
    return EK_OK;
  }
  if (spec->kernel.count != x->rank - 2) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the kernel has %u sizes, the input %u spatial dimensions", spec->kernel.count,
                      x->rank - 2);
  }
  EK_TRY(ek_window_read(ctx, x->rank - 2, spec->kernel.data, spec->strides, spec->pads, spec->dilations,
                        spec->ceil_mode, window));
  return ek_window_output(ctx, window, in->size, out->size);
}

ek_status ek_pool_shape(ek_op_context *ctx, const ek_pool_spec *spec) {
  ek_spatial in, out;
  ek_window window;
  if (spec->kind == EK_POOL_LP && spec->p < 1) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "p is %lld", (long long)spec->p);
  }
  EK_TRY(read_window(ctx, spec, &in, &out, &window));
  return ek_spatial_join(ctx, ek_output(ctx, 0), ek_input(ctx, 0)->rank, &out, spec->channels_last);
}

static ek_status build(ek_op_context *ctx, const ek_pool_spec *spec, plan *p) {
  const ek_tensor *x = ek_input(ctx, 0);
  EK_TRY(read_window(ctx, spec, &p->in, &p->out, &p->window));
  p->item = ek_dtype_size(x->dtype);
  const size_t image = ek_mul_size((size_t)ek_spatial_positions(p->in.size), (size_t)p->in.channels);
  if (image >= UINT32_MAX) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "an image of %zu elements is too large", image);
  }
  p->taps = 1;
  for (uint32_t d = 0; d < EK_SPATIAL; d++) {
    const int64_t k = p->window.kernel[d], n = p->in.size[d];
    p->taps *= (size_t)(k < n ? k : n); /* at most the positions of the image */
  }
  size_t scratch = 0;
  p->tables = ek_place(&scratch, ek_mul_size(ek_mul_size(p->taps, sizeof(uint32_t)), ctx->threads));
  if (!spec->channels_last) {
    p->run_x = ek_place(&scratch, ek_tensor_bytes(x));
    p->run_y = ek_place(&scratch, ek_tensor_bytes(ek_output(ctx, 0)));
  }
  p->scratch_bytes = scratch;
  return scratch == SIZE_MAX ? ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "the window is too large") : EK_OK;
}

ek_status ek_pool_prepare(ek_op_context *ctx, const ek_pool_spec *spec, ek_op_memory *memory) {
  const ek_tensor *x = ek_input(ctx, 0);
  const ek_tensor *y = ek_output(ctx, 0);
  plan p;
  if (x->dtype == EK_F32) {
    memory->kernel = spec->kind == EK_POOL_MAX       ? ek_f32_maxpool_select(ctx->cpu_features)->info.name
                     : spec->kind == EK_POOL_AVERAGE ? ek_f32_avgpool_select(ctx->cpu_features)->info.name
                                                     : NULL;
  } else if (x->dtype == EK_I8 && spec->kind == EK_POOL_AVERAGE) {
    ek_affine qx, qy;
    float m;
    EK_TRY(ek_read_affine(ctx, x, &qx));
    EK_TRY(ek_read_affine(ctx, y, &qy));
    EK_TRY(ek_requantize_multiplier(ctx, qx.scale, 1.0f, qy.scale, &m));
    if (spec->rounding != EK_POOL_EVEN && (qx.scale != qy.scale || qx.zero_point != qy.zero_point)) {
      return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "averages of stored integers keep scale and zero point");
    }
    memory->kernel = spec->rounding != EK_POOL_EVEN ? NULL : ek_qs8_avgpool_select(ctx->cpu_features)->info.name;
  } else if ((x->dtype == EK_I8 || x->dtype == EK_U8) && spec->kind == EK_POOL_MAX) {
    ek_affine q;
    if (y->quant != NULL) {
      EK_TRY(ek_read_affine(ctx, y, &q));
    }
    memory->kernel = x->dtype == EK_I8 ? ek_s8_maxpool_select(ctx->cpu_features)->info.name : NULL;
  } else {
    return ek_op_unsupported_type(ctx, x);
  }
  EK_TRY(build(ctx, spec, &p));
  memory->state_bytes = sizeof(size_t);
  memory->scratch_bytes = p.scratch_bytes;
  return EK_OK;
}

typedef struct job {
  const ek_pool_spec *spec;
  const plan *p;
  const char *x;
  char *y;
  uint32_t *tables;
  size_t chunk, chunks; /* of channels */
  const ek_f32_maxpool_row *max_f32;
  const ek_f32_avgpool_row *avg_f32;
  const ek_s8_maxpool_row *max_s8;
  const ek_qs8_avgpool_row *avg_qs8;
  ek_affine qx, qy;
  int32_t min, max; /* integer clamp */
  ek_dtype dtype;
} job;

typedef struct pixel {
  size_t taps;
  int64_t count; /* what an average divides by */
  size_t base;   /* added to every offset */
} pixel;

/* Positions of the window that count when padding does: those between the pads, whether or not they are elements. */
static int64_t count_with_pads(const ek_window *w, uint32_t d, int64_t start, int64_t size) {
  int64_t first, last;
  ek_window_valid(w, d, start + w->begin[d], size + w->begin[d] + w->end[d], &first, &last);
  return last - first;
}

/* Fills the table for output pixel `index`. `whole` tells that the table already holds a window that lies fully inside.
 */
static pixel locate(const job *j, size_t index, uint32_t *table, bool *whole) {
  const plan *p = j->p;
  const ek_window *w = &p->window;
  const int64_t *out = p->out.size, *size = p->in.size, channels = p->in.channels;
  const int64_t o[EK_SPATIAL] = {(int64_t)index / (out[1] * out[2]), (int64_t)index / out[2] % out[1],
                                 (int64_t)index % out[2]};
  int64_t start[EK_SPATIAL], first[EK_SPATIAL], last[EK_SPATIAL];
  pixel result = {1, 1, 0};
  bool inside = true;
  for (uint32_t d = 0; d < EK_SPATIAL; d++) {
    start[d] = o[d] * w->stride[d] - w->begin[d];
    ek_window_valid(w, d, start[d], size[d], &first[d], &last[d]);
    inside = inside && last[d] - first[d] == w->kernel[d];
    result.taps *= (size_t)(last[d] - first[d]);
    result.count *= j->spec->count_include_pad ? count_with_pads(w, d, start[d], size[d]) : last[d] - first[d];
  }
  if (inside) {
    result.base = (size_t)(((start[0] * size[1] + start[1]) * size[2] + start[2]) * channels);
    if (*whole) {
      return result;
    }
    start[0] = start[1] = start[2] = 0;
  }
  *whole = inside;
  uint32_t *entry = table;
  for (int64_t a = first[0]; a < last[0]; a++) {
    for (int64_t b = first[1]; b < last[1]; b++) {
      for (int64_t c = first[2]; c < last[2]; c++) {
        const int64_t z = start[0] + a * w->dilation[0], v = start[1] + b * w->dilation[1],
                      u = start[2] + c * w->dilation[2];
        *entry++ = (uint32_t)(((z * size[1] + v) * size[2] + u) * channels);
      }
    }
  }
  return result;
}

static void pool_lp(const job *j, size_t taps, const float *a, const uint32_t *table, float *c, size_t channels) {
  const double p = (double)j->spec->p;
  for (size_t n = 0; n < channels; n++) {
    double sum = 0;
    for (size_t t = 0; t < taps; t++) {
      const double v = fabs((double)a[table[t] + n]);
      sum += p == 1 ? v : p == 2 ? v * v : pow(v, p);
    }
    c[n] = (float)(p == 1 ? sum : p == 2 ? sqrt(sum) : pow(sum, 1 / p));
  }
}

static void pool_max_u8(const job *j, size_t taps, const uint8_t *a, const uint32_t *table, uint8_t *c,
                        size_t channels) {
  for (size_t n = 0; n < channels; n++) {
    int32_t best = j->min;
    for (size_t t = 0; t < taps; t++) {
      const int32_t v = a[table[t] + n];
      best = v > best ? v : best;
    }
    c[n] = (uint8_t)(best < j->max ? best : j->max);
  }
}

/* The mean of the stored integers, to the nearest: ties upwards, or away from zero. Padding that counts is the zero
 * point. */
static void pool_mean_s8(const job *j, const pixel *at, const int8_t *a, const uint32_t *table, int8_t *c,
                         size_t channels) {
  const int64_t count = at->count > 1 ? at->count : 1;
  const uint32_t pads = (uint32_t)(count - (int64_t)at->taps) * (uint32_t)j->qx.zero_point;
  uint32_t sums[MEAN_BLOCK];
  for (size_t n = 0; n < channels; n += MEAN_BLOCK) {
    const size_t block = channels - n < MEAN_BLOCK ? channels - n : MEAN_BLOCK;
    for (size_t i = 0; i < block; i++) {
      sums[i] = pads;
    }
    for (size_t t = 0; t < at->taps; t++) {
      const int8_t *from = a + table[t] + n;
      for (size_t i = 0; i < block; i++) {
        sums[i] += (uint32_t)from[i];
      }
    }
    for (size_t i = 0; i < block; i++) {
      const int64_t total = (int32_t)sums[i];
      const bool mirrored = total < 0 && j->spec->rounding == EK_POOL_AWAY;
      const int64_t twice = 2 * (mirrored ? -total : total) + count, unit = 2 * count;
      const int64_t near = twice / unit - (twice % unit < 0 ? 1 : 0), mean = mirrored ? -near : near;
      c[n + i] = (int8_t)(mean < -128 ? -128 : mean > 127 ? 127 : mean);
    }
  }
}

static void pool_pixel(const job *j, const pixel *at, const char *a, const uint32_t *table, char *c, size_t channels) {
  const float *af = (const float *)(const void *)a;
  float *cf = (float *)(void *)c;
  const int8_t *aq = (const int8_t *)a;
  int8_t *cq = (int8_t *)c;
  if (j->spec->kind == EK_POOL_LP) {
    pool_lp(j, at->taps, af, table, cf, channels);
  } else if (j->spec->kind == EK_POOL_MAX && j->dtype == EK_F32) {
    const ek_f32_maxpool_args args = {at->taps, af, table, cf, j->spec->clamp_min, j->spec->clamp_max};
    j->max_f32->fn(channels, &args);
  } else if (j->spec->kind == EK_POOL_MAX && j->dtype == EK_I8) {
    const ek_s8_maxpool_args args = {at->taps, aq, table, cq, (int8_t)j->min, (int8_t)j->max};
    j->max_s8->fn(channels, &args);
  } else if (j->spec->kind == EK_POOL_MAX) {
    pool_max_u8(j, at->taps, (const uint8_t *)a, table, (uint8_t *)c, channels);
  } else if (j->dtype == EK_F32) {
    const ek_f32_avgpool_args args = {at->taps, af, table, cf, 1.0f / (float)(at->count > 1 ? at->count : 1)};
    j->avg_f32->fn(channels, &args);
  } else if (j->spec->rounding != EK_POOL_EVEN) {
    pool_mean_s8(j, at, aq, table, cq, channels);
  } else {
    const double count = (double)(at->count > 1 ? at->count : 1);
    const float multiplier = (float)((double)j->qx.scale / ((double)j->qy.scale * count));
    const int32_t bias = (int32_t)(0u - (uint32_t)at->taps * (uint32_t)j->qx.zero_point);
    const ek_qs8_avgpool_args args = {at->taps, aq, table, cq, bias, multiplier, j->qy.zero_point};
    j->avg_qs8->fn(channels, &args);
  }
}

static void pool_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const plan *p = j->p;
  const size_t pixels = (size_t)ek_spatial_positions(p->out.size), channels = (size_t)p->in.channels;
  const size_t image_in = (size_t)ek_spatial_positions(p->in.size) * channels;
  uint32_t *table = j->tables + thread * p->taps;
  bool whole = false;
  for (size_t i = begin; i < end; i++) {
    const size_t first = i % j->chunks * j->chunk, index = i / j->chunks, image = index / pixels;
    const size_t count = channels - first < j->chunk ? channels - first : j->chunk;
    const pixel at = locate(j, index % pixels, table, &whole);
    pool_pixel(j, &at, j->x + (image * image_in + at.base + first) * p->item, table,
               j->y + (index * channels + first) * p->item, count);
  }
}

static ek_status prepare_job(ek_op_context *ctx, const ek_pool_spec *spec, job *j) {
  const ek_tensor *x = ek_input(ctx, 0);
  const ek_tensor *y = ek_output(ctx, 0);
  j->dtype = x->dtype;
  if (x->dtype == EK_F32) {
    j->max_f32 = ek_f32_maxpool_select(ctx->cpu_features);
    j->avg_f32 = ek_f32_avgpool_select(ctx->cpu_features);
    return EK_OK;
  }
  j->max_s8 = ek_s8_maxpool_select(ctx->cpu_features);
  j->avg_qs8 = ek_qs8_avgpool_select(ctx->cpu_features);
  if (spec->kind == EK_POOL_AVERAGE) {
    EK_TRY(ek_read_affine(ctx, x, &j->qx));
    return ek_read_affine(ctx, y, &j->qy);
  }
  if (y->quant != NULL) {
    EK_TRY(ek_read_affine(ctx, y, &j->qy));
    ek_quantize_clamp(spec->clamp_min, spec->clamp_max, &j->qy, &j->min, &j->max);
    return EK_OK;
  }
  const float low = x->dtype == EK_I8 ? -128.0f : 0.0f, high = x->dtype == EK_I8 ? 127.0f : 255.0f;
  j->min = (int32_t)fminf(fmaxf(spec->clamp_min, low), high);
  j->max = (int32_t)fminf(fmaxf(spec->clamp_max, low), high);
  j->max = j->max < j->min ? j->min : j->max;
  return EK_OK;
}

ek_status ek_pool_init(ek_op_context *ctx, const ek_pool_spec *spec) {
  plan p;
  EK_TRY(build(ctx, spec, &p));
  *(size_t *)ctx->state = p.scratch_bytes;
  return EK_OK;
}

ek_status ek_pool_run(ek_op_context *ctx, const ek_pool_spec *spec) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  char *scratch = ctx->scratch;
  plan p;
  job j;
  memset(&j, 0, sizeof j);
  EK_TRY(build(ctx, spec, &p));
  if (p.scratch_bytes > *(const size_t *)ctx->state) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the input is larger than the model allows");
  }
  EK_TRY(prepare_job(ctx, spec, &j));
  if (ek_tensor_elements(y) == 0) {
    return EK_OK;
  }
  const size_t batch = (size_t)p.in.batch, channels = (size_t)p.in.channels;
  const size_t positions = (size_t)ek_spatial_positions(p.in.size), pixels = (size_t)ek_spatial_positions(p.out.size);
  j.spec = spec;
  j.p = &p;
  j.x = x->data;
  j.y = y->data;
  j.tables = (uint32_t *)(void *)(scratch + p.tables);
  if (!spec->channels_last) {
    ek_transpose_matrices(ctx->pool, x->data, scratch + p.run_x, batch, channels, positions, p.item);
    j.x = scratch + p.run_x;
    j.y = scratch + p.run_y;
  }
  const size_t threads = ek_thread_pool_size(ctx->pool);
  j.chunk = channels;
  if (batch * pixels < 2 * threads) { /* few pixels: share the channels out too */
    j.chunk = (channels / (2 * threads) + 63) / 64 * 64;
    j.chunk = j.chunk != 0 && j.chunk < channels ? j.chunk : channels;
  }
  j.chunks = (channels + j.chunk - 1) / j.chunk;
  const size_t work = ek_mul_size(j.chunk, p.taps);
  ek_parallel_for(ctx->pool, batch * pixels * j.chunks,
                  work < GRAIN_ELEMENTS ? GRAIN_ELEMENTS / (work != 0 ? work : 1) : 1, pool_range, &j);
  if (!spec->channels_last) {
    ek_transpose_matrices(ctx->pool, j.y, y->data, batch, pixels, channels, p.item);
  }
  return EK_OK;
}
