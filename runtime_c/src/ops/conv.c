/* Conv: every form runs channels last; an NCHW tensor is transposed on the way in and out (the layout pass leaves few
 * of those). */
#include <string.h>

#include "ops/linear/conv_plan.h"

static ek_status conv_shape(ek_op_context *ctx) {
  const ek_conv_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1), *b = ek_input(ctx, 2);
  const bool channels_last = attrs->layout == EK_CONV_LAYOUT_NHWC;
  ek_spatial in, out;
  ek_window window;
  EK_TRY(ek_spatial_split(ctx, x, channels_last, &in));
  if (w->rank != x->rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "weights of rank %u are needed, got %u", x->rank, w->rank);
  }
  EK_TRY(ek_window_read(ctx, x->rank - 2, w->dims + 1, attrs->strides, attrs->pads, attrs->dilations, false, &window));
  const int64_t groups = attrs->groups, outputs = w->dims[0], group_in = w->dims[w->rank - 1];
  if (groups < 1 || outputs % groups != 0 || in.channels % groups != 0 || in.channels / groups != group_in) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%lld channels and weights for %lld do not fit %lld groups",
                      (long long)in.channels, (long long)group_in, (long long)groups);
  }
  if (b != NULL && (b->rank != 1 || b->dims[0] != outputs)) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a bias of shape [%lld] is needed", (long long)outputs);
  }
  out = in;
  EK_TRY(ek_window_output(ctx, &window, in.size, out.size));
  out.channels = outputs;
  return ek_spatial_join(ctx, ek_output(ctx, 0), x->rank, &out, channels_last);
}

static ek_status conv_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  ek_conv_plan plan;
  EK_TRY(ek_conv_plan_build(ctx, &plan));
  memory->state_bytes = plan.state_bytes;
  memory->scratch_bytes = plan.scratch_bytes;
  memory->kernel = plan.g.name;
  return EK_OK;
}

static ek_status conv_init(ek_op_context *ctx) {
  ek_conv_plan *p = ctx->state;
  char *state = ctx->state;
  EK_TRY(ek_conv_plan_build(ctx, p));
  if (p->g.fixed.row != NULL) {
    ek_fixed_fill(&p->g.fixed, ek_input(ctx, 0), ek_input(ctx, 1), ek_output(ctx, 0), state, (size_t)p->out.channels);
  }
  memset(state + p->zero, p->g.qs8 != NULL ? p->g.input_zero_point : 0,
         (p->path == EK_CONV_DEPTHWISE ? p->groups : p->group_in) * p->g.item);
  if (!p->pack_in_run) {
    ek_conv_pack(ctx, p, state + p->init_scratch, state + p->packed);
  }
  if (p->path != EK_CONV_GEMM && !p->tables_in_run) {
    ek_conv_fill_tables(p, state);
  }
  return EK_OK;
}

typedef struct conv_job {
  const ek_conv_plan *p;
  const char *x, *packed, *zero;
  char *y;
  const uint32_t *tables; /* NULL: filled as they are needed */
  const ek_conv_row *rows;
  uint32_t *thread_tables;
  size_t tiles, block, blocks, tile_bytes;
} conv_job;

/* A tile of output positions: the first, how many, their table, and what is added to its offsets. */
typedef struct tile {
  size_t first, mr, base;
  const uint32_t *table;
} tile;

static tile get_tile(const conv_job *job, size_t index, uint32_t thread) {
  const ek_conv_plan *p = job->p;
  const size_t entries = p->taps * p->mr;
  tile t = {index * p->mr, p->mr, 0, NULL};
  if (p->by_row) {
    const size_t width = (size_t)p->out.size[2], row = index / p->row_tiles, column = index % p->row_tiles;
    const size_t left = width - column * p->mr;
    t.first = row * width + column * p->mr;
    t.mr = left < p->mr ? left : p->mr;
    t.base = job->rows[row].base;
    t.table = job->tables + (job->rows[row].table * p->row_tiles + column) * entries;
    return t;
  }
  const size_t left = p->pixels - t.first;
  t.mr = left < p->mr ? left : p->mr;
  if (job->tables != NULL) {
    t.table = job->tables + index * entries;
    return t;
  }
  uint32_t *table = job->thread_tables + thread * entries;
  ek_conv_fill_table(p, t.first, t.mr, table);
  t.table = table;
  return t;
}

static void igemm_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const conv_job *job = argument;
  const ek_conv_plan *p = job->p;
  const size_t image_in = (size_t)ek_spatial_positions(p->in.size) * (size_t)p->in.channels;
  const size_t image_out = p->pixels * (size_t)p->out.channels, item = p->g.item;
  ek_igemm_args args;
  ek_igemm_begin(&p->g, job->zero, (size_t)p->out.channels, &args);
  for (size_t i = begin; i < end; i++) {
    const tile t = get_tile(job, i % job->tiles, thread);
    const size_t outer = i / job->tiles;
    const size_t column = outer % job->blocks * job->block, group = outer / job->blocks % p->groups;
    const size_t image = outer / job->blocks / p->groups;
    const size_t nc = p->group_out - column < job->block ? p->group_out - column : job->block;
    ek_igemm_call(&p->g, &args, t.mr, nc, job->x + (image * image_in + t.base + group * p->group_in) * item, t.table,
                  job->packed + group * p->packed_group + column / p->g.nr * job->tile_bytes,
                  job->y +
                      (image * image_out + t.first * (size_t)p->out.channels + group * p->group_out + column) * item,
                  group * p->group_out + column);
  }
}

/* A tile of channels at a time, whose sums are requantized in fixed point. */
static void depthwise_fixed(const conv_job *job, const ek_qs8_dwconv_args *whole, size_t mr) {
  const ek_conv_plan *p = job->p;
  const size_t nr = p->dw_qs8->info.nr, channels = p->groups;
  const size_t tile_bytes = ek_qs8_dwconv_packed_size(p->dw_qs8, nr, p->taps);
  int32_t acc[EK_IGEMM_MAX_MR * EK_IGEMM_MAX_QS8_NR];
  ek_qs8_dwconv_args q = *whole;
  q.acc = acc;
  for (size_t n = 0; n < channels; n += nr) {
    const size_t count = channels - n < nr ? channels - n : nr;
    p->dw_qs8->fn(mr, count, &q);
    ek_fixed_finish(&p->g.fixed, mr, count, acc, nr, n, q.c, q.cm_stride);
    q.a += count;
    q.zero = q.zero != NULL ? q.zero + count : NULL;
    q.w = (const char *)q.w + tile_bytes;
    q.c += count;
  }
}

static void depthwise_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const conv_job *job = argument;
  const ek_conv_plan *p = job->p;
  const size_t channels = p->groups, image_in = (size_t)ek_spatial_positions(p->in.size) * channels;
  ek_f32_dwconv_args f = {p->taps,
                          NULL,
                          NULL,
                          (const float *)(const void *)job->zero,
                          (const float *)(const void *)job->packed,
                          NULL,
                          channels,
                          p->g.min,
                          p->g.max};
  ek_qs8_dwconv_args q = {p->taps,     NULL,      NULL,     (const int8_t *)job->zero,
                          job->packed, NULL,      channels, p->g.zero_point,
                          p->g.qmin,   p->g.qmax, NULL};
  for (size_t i = begin; i < end; i++) {
    const tile t = get_tile(job, i % job->tiles, thread);
    const size_t image = i / job->tiles, to = (image * p->pixels + t.first) * channels,
                 from = image * image_in + t.base;
    if (p->dw_qs8 != NULL) {
      q.a = (const int8_t *)job->x + from;
      q.a_offsets = t.table;
      q.c = (int8_t *)job->y + to;
      if (p->g.fixed.row != NULL) {
        depthwise_fixed(job, &q, t.mr);
      } else {
        p->dw_qs8->fn(t.mr, channels, &q);
      }
    } else {
      f.a = (const float *)(const void *)job->x + from;
      f.a_offsets = t.table;
      f.c = (float *)(void *)job->y + to;
      p->dw_f32->fn(t.mr, channels, &f);
    }
  }
}

static void run_gemm(ek_op_context *ctx, const ek_conv_plan *p, const char *x, const char *packed, char *y) {
  for (size_t group = 0; group < p->groups; group++) {
    const ek_gemm gemm = {&p->g,
                          x + group * p->group_in * p->g.item,
                          packed + group * p->packed_group,
                          y + group * p->group_out * p->g.item,
                          p->pixels * (size_t)p->in.batch,
                          p->group_out,
                          (size_t)p->in.channels,
                          (size_t)p->out.channels,
                          group * p->group_out};
    ek_gemm_run(ctx->pool, &gemm);
  }
}

static void run_indirect(ek_op_context *ctx, const ek_conv_plan *p, const char *x, const char *packed, char *y) {
  const char *state = ctx->state;
  conv_job job = {p, x, packed, state + p->zero, y, NULL, NULL, NULL, (p->pixels + p->mr - 1) / p->mr, 0, 1, 0};
  if (p->by_row) {
    job.rows = (const ek_conv_row *)(const void *)(state + p->rows);
    job.tiles = p->row_count * p->row_tiles;
  }
  if (p->tables_in_run) {
    job.thread_tables = (uint32_t *)(void *)((char *)ctx->scratch + p->run_tables);
  } else {
    job.tables = (const uint32_t *)(const void *)(state + p->tables);
  }
  if (p->path == EK_CONV_DEPTHWISE) {
    const size_t macs = ek_mul_size(p->groups * p->mr, p->taps);
    ek_parallel_for(ctx->pool, job.tiles * (size_t)p->in.batch, macs < 32768 ? 32768 / macs : 1, depthwise_range, &job);
    return;
  }
  job.block = ek_igemm_column_block(&p->g, p->group_out, job.tiles, ek_thread_pool_size(ctx->pool));
  job.blocks = (p->group_out + job.block - 1) / job.block;
  job.tile_bytes = ek_igemm_packed_tile(&p->g);
  ek_parallel_for(ctx->pool, job.tiles * job.blocks * p->groups * (size_t)p->in.batch, ek_igemm_grain(&p->g, job.block),
                  igemm_range, &job);
}

static ek_status conv_run(ek_op_context *ctx) {
  const ek_conv_plan *p = ctx->state;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  char *state = ctx->state, *scratch = ctx->scratch;
  ek_conv_plan now;
  if (x->is_dynamic) {
    const size_t provided = p->scratch_bytes;
    EK_TRY(ek_conv_plan_build(ctx, &now));
    if (now.scratch_bytes > provided) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the input is larger than the model allows");
    }
    p = &now;
  }
  if (ek_tensor_elements(y) == 0) {
    return EK_OK;
  }
  const char *packed = state + p->packed;
  if (p->pack_in_run) {
    ek_conv_pack(ctx, p, scratch + p->run_pack_scratch, scratch + p->run_packed);
    packed = scratch + p->run_packed;
  }
  const char *from = x->data;
  char *to = y->data;
  const size_t positions = (size_t)ek_spatial_positions(p->in.size);
  if (!p->channels_last) {
    ek_transpose_matrices(ctx->pool, x->data, scratch + p->run_x, (size_t)p->in.batch, (size_t)p->in.channels,
                          positions, p->g.item);
    from = scratch + p->run_x;
    to = scratch + p->run_y;
  }
  if (p->path == EK_CONV_GEMM) {
    run_gemm(ctx, p, from, packed, to);
  } else {
    run_indirect(ctx, p, from, packed, to);
  }
  if (!p->channels_last) {
    ek_transpose_matrices(ctx->pool, to, y->data, (size_t)p->in.batch, p->pixels, (size_t)p->out.channels, p->g.item);
  }
  return EK_OK;
}

const ek_op ek_op_conv = {"Conv", conv_shape, conv_prepare, conv_init, conv_run};
