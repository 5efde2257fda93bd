#include "ops/linear/igemm.h"

#include <math.h>
#include <string.h>

#include "base/float16.h"

#define BLOCK_BYTES 131072 /* of packed weights: half of a small second level cache */
#define GRAIN_MACS 65536

static const char *name_of(const ek_tensor *t) { return t->name != NULL ? t->name : ""; }

/* -128 among weights: only the scalar rows take it. Weights that are not there yet may hold it. */
static bool may_hold_minus_128(const ek_tensor *w) {
  if (w->data == NULL || !w->is_constant) {
    return true;
  }
  const int8_t *q = w->data;
  const int64_t n = ek_tensor_elements(w);
  for (int64_t i = 0; i < n; i++) {
    if (q[i] == -128) {
      return true;
    }
  }
  return false;
}

/* int8 weights whose columns have one scale each, around 0. */
static bool keeps_int8(const ek_tensor *w, int32_t column_axis) {
  if (w->dtype != EK_I8 || (w->quant->count > 1 && w->quant->axis != column_axis)) {
    return false;
  }
  for (uint32_t i = 0; i < w->quant->count; i++) {
    if (w->quant->zero_point[i] != 0) {
      return false;
    }
  }
  return true;
}

ek_status ek_igemm_choose_f32(ek_op_context *ctx, const ek_tensor *w, int32_t column_axis, size_t ks, size_t kc,
                              float min, float max, ek_igemm *g) {
  memset(g, 0, sizeof *g);
  if (w->dtype != EK_F32 && w->dtype != EK_F16 && !(w->dtype == EK_I8 && w->quant != NULL)) {
    return ek_op_unsupported_type(ctx, w);
  }
  const ek_ukernel_info *info;
  if (keeps_int8(w, column_axis)) {
    g->qc8w = ek_f32_qc8w_igemm_select(ctx->cpu_features);
    g->float_fn = g->qc8w->fn;
    info = &g->qc8w->info;
  } else {
    g->f32 = ek_f32_igemm_select(ctx->cpu_features);
    g->float_fn = g->f32->fn;
    info = &g->f32->info;
  }
  g->mr = info->mr;
  g->nr = info->nr;
  g->item = sizeof(float);
  g->name = info->name;
  g->ks = ks;
  g->kc = kc;
  g->min = min;
  g->max = max;
  return EK_OK;
}

ek_status ek_igemm_choose_qs8(ek_op_context *ctx, const ek_tensor *x, const ek_tensor *w, const ek_tensor *y,
                              size_t channels, size_t ks, size_t kc, float min, float max, ek_igemm *g) {
  ek_affine qx, qy;
  memset(g, 0, sizeof *g);
  EK_TRY(ek_read_affine(ctx, x, &qx));
  EK_TRY(ek_read_affine(ctx, y, &qy));
  if (w->quant == NULL || (w->quant->count != 1 && (w->quant->axis != 0 || w->quant->count != channels))) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "int8 weights '%s' need a scale, or one for each output channel",
                      name_of(w));
  }
  for (uint32_t i = 0; i < w->quant->count; i++) {
    float unused;
    if (w->quant->zero_point[i] != 0) {
      return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "int8 weights '%s' need zero points of 0", name_of(w));
    }
    EK_TRY(ek_requantize_multiplier(ctx, qx.scale, w->quant->scale[i], qy.scale, &unused));
  }
  g->qs8 = ek_qs8_igemm_select(may_hold_minus_128(w) ? 0 : ctx->cpu_features);
  g->mr = g->qs8->info.mr;
  g->nr = g->qs8->info.nr;
  g->item = 1;
  g->name = g->qs8->info.name;
  g->ks = ks;
  g->kc = kc;
  g->zero_point = qy.zero_point;
  g->input_zero_point = qx.zero_point;
  ek_quantize_clamp(min, max, &qy, &g->qmin, &g->qmax);
  return EK_OK;
}

ek_status ek_igemm_choose(ek_op_context *ctx, const ek_tensor *x, const ek_tensor *w, const ek_tensor *bias,
                          const ek_tensor *y, size_t channels, size_t ks, size_t kc, float min, float max,
                          ek_igemm *g) {
  if (x->dtype == EK_I8) {
    if (w->dtype != EK_I8) {
      return ek_op_unsupported_type(ctx, w);
    }
    if (bias != NULL && bias->dtype != EK_I32) {
      return ek_op_unsupported_type(ctx, bias);
    }
    return ek_igemm_choose_qs8(ctx, x, w, y, channels, ks, kc, min, max, g);
  }
  if (x->dtype != EK_F32) {
    return ek_op_unsupported_type(ctx, x);
  }
  if (bias != NULL && bias->dtype != EK_F32 && bias->dtype != EK_F16) {
    return ek_op_unsupported_type(ctx, bias);
  }
  return ek_igemm_choose_f32(ctx, w, 0, ks, kc, min, max, g);
}

ek_igemm_source ek_igemm_source_of(const ek_igemm *g, const ek_tensor *x, const ek_tensor *w, const ek_tensor *bias,
                                   const ek_tensor *y) {
  ek_igemm_source s;
  memset(&s, 0, sizeof s);
  s.w = w;
  s.bias = bias;
  s.data = w->data;
  if (g->qs8 != NULL) {
    s.input_scale = x->quant->scale[0];
    s.output_scale = y->quant->scale[0];
  }
  return s;
}

size_t ek_igemm_packed_size(const ek_igemm *g, size_t n) {
  return g->qs8 != NULL    ? ek_qs8_igemm_packed_size(g->qs8, n, g->ks, g->kc)
         : g->qc8w != NULL ? ek_f32_qc8w_igemm_packed_size(g->qc8w, n, g->ks, g->kc)
                           : ek_f32_igemm_packed_size(g->f32, n, g->ks, g->kc);
}

size_t ek_igemm_packed_tile(const ek_igemm *g) {
  return g->qs8 != NULL    ? ek_qs8_igemm_packed_tile(g->qs8, g->ks, g->kc)
         : g->qc8w != NULL ? ek_f32_qc8w_igemm_packed_tile(g->qc8w, g->ks, g->kc)
                           : ek_f32_igemm_packed_tile(g->f32, g->ks, g->kc) * sizeof(float);
}

static bool packs_directly(const ek_igemm *g, const ek_tensor *w, bool tap_list) {
  return !tap_list && (g->f32 == NULL || w->dtype == EK_F32);
}

size_t ek_igemm_pack_scratch(const ek_igemm *g, const ek_tensor *w, bool tap_list) {
  const size_t weights = packs_directly(g, w, tap_list) ? 0 : ek_mul_size(ek_mul_size(g->nr * g->item, g->ks), g->kc);
  return ek_add_size(ek_align_size(2 * g->nr * sizeof(float)), weights);
}

/* Which of the scales of a quantized tensor belongs to an element. */
static size_t scale_index(const ek_tensor *t, size_t index) {
  size_t inner = 1;
  if (t->quant->count == 1) {
    return 0;
  }
  for (uint32_t i = (uint32_t)t->quant->axis + 1; i < t->rank; i++) {
    inner *= (size_t)t->dims[i];
  }
  return inner != 0 ? index / inner % t->quant->count : 0;
}

float ek_weight_value(const ek_tensor *t, const void *data, size_t index) {
  if (t->dtype == EK_F32) {
    return ((const float *)data)[index];
  }
  if (t->dtype == EK_F16) {
    return ek_f16_to_f32(((const uint16_t *)data)[index]);
  }
  const size_t channel = scale_index(t, index);
  return (float)(((const int8_t *)data)[index] - t->quant->zero_point[channel]) * t->quant->scale[channel];
}

/* Weights of one tile, gathered as [n][t][k]. */
static void gather(const ek_igemm *g, const ek_igemm_source *s, size_t n0, size_t columns, void *to) {
  float *f = to;
  int8_t *q = to;
  for (size_t n = n0; n < n0 + columns; n++) {
    for (size_t t = 0; t < g->ks; t++) {
      size_t index = s->start + n * s->shape.n_stride + (s->taps != NULL ? s->taps[t] : t * s->shape.t_stride);
      for (size_t k = 0; k < g->kc; k++, index += s->shape.k_stride) {
        if (g->f32 == NULL) {
          *q++ = ((const int8_t *)s->data)[index];
        } else {
          *f++ = ek_weight_value(s->w, s->data, index);
        }
      }
    }
  }
}

void ek_igemm_pack(const ek_igemm *g, const ek_igemm_source *s, void *scratch, void *packed) {
  const bool direct = packs_directly(g, s->w, s->taps != NULL);
  const size_t tile = ek_igemm_packed_tile(g);
  char *to = packed;
  void *weights = (char *)scratch + ek_align_size(2 * g->nr * sizeof(float));
  float *bias = scratch, *multiplier = bias + g->nr;
  for (size_t n0 = 0; n0 < s->shape.n; n0 += g->nr, to += tile) {
    const size_t columns = s->shape.n - n0 < g->nr ? s->shape.n - n0 : g->nr;
    ek_igemm_weights shape = direct ? s->shape : ek_igemm_weights_ohwi(columns, g->ks, g->kc);
    const size_t first = s->start + n0 * s->shape.n_stride;
    shape.n = columns;
    if (!direct) {
      gather(g, s, n0, columns, weights);
    }
    if (g->qs8 != NULL) {
      const int32_t *b = s->bias != NULL ? (const int32_t *)s->bias->data + s->bias_start + n0 : NULL;
      const int8_t *w = direct ? (const int8_t *)s->data + first : weights;
      for (size_t j = 0; j < columns; j++) {
        const float scale = s->w->quant->scale[s->w->quant->count > 1 ? s->bias_start + n0 + j : 0];
        multiplier[j] = (float)((double)s->input_scale * (double)scale / (double)s->output_scale);
      }
      ek_qs8_igemm_pack(g->qs8, &shape, w, b, multiplier, g->input_zero_point, to);
    } else {
      for (size_t j = 0; j < columns && s->bias != NULL; j++) {
        bias[j] = ek_weight_value(s->bias, s->bias->data, s->bias_start + n0 + j);
      }
      if (g->qc8w != NULL) {
        for (size_t j = 0; j < columns; j++) {
          multiplier[j] = s->w->quant->scale[scale_index(s->w, first + j * s->shape.n_stride)];
        }
        ek_f32_qc8w_igemm_pack(g->qc8w, &shape, direct ? (const int8_t *)s->data + first : weights,
                               s->bias != NULL ? bias : NULL, multiplier, to);
        continue;
      }
      ek_f32_igemm_pack(g->f32, &shape, direct ? (const float *)s->data + first : weights,
                        s->bias != NULL ? bias : NULL, (float *)(void *)to);
    }
  }
}

size_t ek_igemm_column_block(const ek_igemm *g, size_t columns, size_t tiles, uint32_t threads) {
  const size_t tile = ek_igemm_packed_tile(g), column_tiles = (columns + g->nr - 1) / g->nr;
  size_t block = tiles > 1 ? BLOCK_BYTES / tile : column_tiles; /* a single row tile reads every weight once anyway */
  block = block != 0 ? block : 1;
  if (threads > 1 && tiles < 2 * (size_t)threads) {
    const size_t pieces = 4 * (size_t)threads / (tiles != 0 ? tiles : 1);
    const size_t most = (column_tiles + pieces - 1) / pieces;
    block = block < most ? block : most;
  }
  block = block < column_tiles ? block : column_tiles;
  return (block != 0 ? block : 1) * g->nr;
}

size_t ek_igemm_grain(const ek_igemm *g, size_t columns) {
  const size_t macs = ek_mul_size(ek_mul_size(g->mr * columns, g->kc), g->ks);
  return macs < GRAIN_MACS ? GRAIN_MACS / (macs != 0 ? macs : 1) : 1;
}

void ek_igemm_call_fixed(const ek_igemm *g, const ek_qs8_igemm_args *whole, size_t mr, size_t nc, size_t channel) {
  int32_t acc[EK_IGEMM_MAX_MR * EK_IGEMM_MAX_QS8_NR];
  const size_t nr = g->nr, tile = ek_igemm_packed_tile(g);
  ek_qs8_igemm_args args = *whole;
  args.acc = acc;
  for (size_t n = 0; n < nc; n += nr) {
    const size_t columns = nc - n < nr ? nc - n : nr;
    g->qs8->fn(mr, columns, &args);
    ek_fixed_finish(&g->fixed, mr, columns, acc, nr, channel + n, args.c, args.cm_stride);
    args.w = (const char *)args.w + tile;
    args.c += nr;
  }
}

typedef struct gemm_job {
  const ek_gemm *gemm;
  size_t tiles, block, tile_bytes;
  uint32_t offsets[EK_IGEMM_MAX_MR];
} gemm_job;

static void gemm_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const gemm_job *job = argument;
  const ek_gemm *m = job->gemm;
  const ek_igemm *g = m->g;
  ek_igemm_args args;
  (void)thread;
  ek_igemm_begin(g, NULL, m->cm_stride, &args);
  for (size_t i = begin; i < end; i++) {
    const size_t row = i % job->tiles * g->mr, column = i / job->tiles * job->block;
    const size_t mr = m->rows - row < g->mr ? m->rows - row : g->mr;
    const size_t nc = m->columns - column < job->block ? m->columns - column : job->block;
    ek_igemm_call(g, &args, mr, nc, (const char *)m->a + row * m->lda * g->item, job->offsets,
                  (const char *)m->packed + column / g->nr * job->tile_bytes,
                  (char *)m->c + (row * m->cm_stride + column) * g->item, m->channel + column);
  }
}

void ek_gemm_run(ek_thread_pool *pool, const ek_gemm *gemm) {
  const ek_igemm *g = gemm->g;
  gemm_job job;
  job.gemm = gemm;
  job.tiles = (gemm->rows + g->mr - 1) / g->mr;
  job.block = ek_igemm_column_block(g, gemm->columns, job.tiles, ek_thread_pool_size(pool));
  job.tile_bytes = ek_igemm_packed_tile(g);
  for (size_t i = 0; i < g->mr; i++) {
    job.offsets[i] = (uint32_t)(i * gemm->lda);
  }
  const size_t blocks = (gemm->columns + job.block - 1) / job.block;
  ek_parallel_for(pool, job.tiles * blocks, ek_igemm_grain(g, job.block), gemm_range, &job);
}
