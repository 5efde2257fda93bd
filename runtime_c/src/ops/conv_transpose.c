/* ConvTranspose, split by phase into ordinary indirect products.
 *
 * Along one dimension output o takes tap t from input (o + pad - t * dilation) / stride where that is whole. Taps t and
 * t' meet the same outputs when t' - t is a multiple of step = stride / gcd(stride, dilation). So phase j < min(kernel,
 * step) has the taps j, j + step, ... and the outputs o = (j * dilation - pad) mod stride, + stride, ... Outputs of no
 * phase hold the bias alone. */
#include <string.h>

#include "ek_ops_gen.h"
#include "ops/linear/igemm.h"
#include "ops/spatial.h"

typedef struct plan {
  ek_window window;
  ek_spatial in, out;
  int64_t step[EK_SPATIAL], phases[EK_SPATIAL];
  size_t groups, group_in, group_out, taps, most_taps;
  ek_igemm g; /* ks is that of the phase at hand */
  bool channels_last, pack_in_run, gaps;
  size_t zero, packed, bare, work,
      tap_list; /* in the state, or in the scratch when packing in run (zero: always in the state) */
  size_t packed_bytes;
  size_t run_tables, run_x, run_y;
  size_t state_bytes, scratch_bytes;
} plan;

/* One phase: its first tap, how many taps it has, its outputs. */
typedef struct phase {
  int64_t first[EK_SPATIAL], count[EK_SPATIAL];
  int64_t residue[EK_SPATIAL], outputs[EK_SPATIAL];
  size_t taps;
} phase;

static int64_t gcd(int64_t a, int64_t b) {
  while (b != 0) {
    const int64_t r = a % b;
    a = b;
    b = r;
  }
  return a;
}

static ek_status read_geometry(ek_op_context *ctx, ek_window *window, ek_spatial *in, ek_spatial *out) {
  const ek_conv_transpose_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1);
  const bool channels_last = attrs->layout == EK_CONV_TRANSPOSE_LAYOUT_NHWC;
  EK_TRY(ek_spatial_split(ctx, x, channels_last, in));
  if (w->rank != x->rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "weights of rank %u are needed, got %u", x->rank, w->rank);
  }
  const uint32_t rank = x->rank - 2;
  EK_TRY(ek_window_read(ctx, rank, w->dims + 1, attrs->strides, attrs->pads, attrs->dilations, false, window));
  if (attrs->output_padding.count != rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%u spatial dimensions need as many entries of output_padding", rank);
  }
  *out = *in;
  out->channels = w->dims[0];
  for (uint32_t d = 0; d < EK_SPATIAL; d++) {
    const int64_t extra = d + rank < EK_SPATIAL ? 0 : attrs->output_padding.data[d + rank - EK_SPATIAL];
    if (extra < 0 || extra > INT32_MAX) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "output_padding is %lld", (long long)extra);
    }
    const int64_t reach = window->dilation[d] * (window->kernel[d] - 1);
    out->size[d] = (in->size[d] - 1) * window->stride[d] + 1 + extra - window->begin[d] - window->end[d];
    if (reach > INT64_MAX / 2 || out->size[d] + reach < 0 || out->size[d] + reach > INT32_MAX) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "an output of %lld positions", (long long)(out->size[d] + reach));
    }
    out->size[d] += reach;
  }
  return EK_OK;
}

static ek_status conv_transpose_shape(ek_op_context *ctx) {
  const ek_conv_transpose_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1), *b = ek_input(ctx, 2);
  ek_window window;
  ek_spatial in, out;
  EK_TRY(read_geometry(ctx, &window, &in, &out));
  const int64_t groups = attrs->groups, outputs = w->dims[0], group_in = w->dims[w->rank - 1];
  if (groups < 1 || outputs % groups != 0 || in.channels % groups != 0 || in.channels / groups != group_in) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%lld channels and weights for %lld do not fit %lld groups",
                      (long long)in.channels, (long long)group_in, (long long)groups);
  }
  if (b != NULL && (b->rank != 1 || b->dims[0] != outputs)) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a bias of shape [%lld] is needed", (long long)outputs);
  }
  return ek_spatial_join(ctx, ek_output(ctx, 0), x->rank, &out, attrs->layout == EK_CONV_TRANSPOSE_LAYOUT_NHWC);
}

static size_t phase_count(const plan *p) { return (size_t)ek_spatial_positions(p->phases); }

static phase get_phase(const plan *p, size_t index) {
  phase f;
  int64_t rest = (int64_t)index;
  f.taps = 1;
  for (uint32_t d = EK_SPATIAL; d-- > 0;) {
    const int64_t j = rest % p->phases[d], stride = p->window.stride[d];
    rest /= p->phases[d];
    f.first[d] = j;
    f.count[d] = (p->window.kernel[d] - j + p->step[d] - 1) / p->step[d];
    f.residue[d] = (j * p->window.dilation[d] - p->window.begin[d]) % stride;
    f.residue[d] += f.residue[d] < 0 ? stride : 0;
    f.outputs[d] = f.residue[d] < p->out.size[d] ? (p->out.size[d] - f.residue[d] - 1) / stride + 1 : 0;
    f.taps *= (size_t)f.count[d];
  }
  return f;
}

/* Bytes of one group's packed weights in a phase. */
static size_t group_bytes(const plan *p, size_t taps) {
  ek_igemm g = p->g;
  g.ks = taps;
  return ek_align_size(ek_igemm_packed_size(&g, p->group_out));
}

static ek_status build(ek_op_context *ctx, plan *p) {
  const ek_conv_transpose_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1), *b = ek_input(ctx, 2);
  const ek_tensor *y = ek_output(ctx, 0);
  memset(p, 0, sizeof *p);
  p->channels_last = attrs->layout == EK_CONV_TRANSPOSE_LAYOUT_NHWC;
  EK_TRY(read_geometry(ctx, &p->window, &p->in, &p->out));
  p->groups = (size_t)attrs->groups;
  p->group_in = (size_t)w->dims[w->rank - 1];
  p->group_out = (size_t)p->out.channels / p->groups;
  p->taps = (size_t)ek_spatial_positions(p->window.kernel);
  if (p->group_in == 0 || p->group_out == 0) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "a convolution without channels");
  }
  p->most_taps = 1;
  for (uint32_t d = 0; d < EK_SPATIAL; d++) {
    const int64_t stride = p->window.stride[d], kernel = p->window.kernel[d];
    p->step[d] = stride / gcd(stride, p->window.dilation[d]);
    p->phases[d] = kernel < p->step[d] ? kernel : p->step[d];
    p->gaps = p->gaps || p->phases[d] < stride;
    p->most_taps *= (size_t)((kernel + p->step[d] - 1) / p->step[d]);
  }
  EK_TRY(ek_igemm_choose(ctx, x, w, b, y, (size_t)p->out.channels, p->most_taps, p->group_in, attrs->clamp_min,
                         attrs->clamp_max, &p->g));
  const size_t image = ek_mul_size((size_t)ek_spatial_positions(p->in.size), (size_t)p->in.channels);
  if (image >= EK_IGEMM_PAD) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "an image of %zu elements is too large", image);
  }
  for (size_t i = 0; i < phase_count(p); i++) {
    p->packed_bytes = ek_add_size(p->packed_bytes, ek_mul_size(group_bytes(p, get_phase(p, i).taps), p->groups));
  }
  p->pack_in_run = !w->is_constant || (b != NULL && !b->is_constant);
  size_t state = 0, scratch = 0;
  (void)ek_place(&state, sizeof *p);
  p->zero = ek_place(&state, ek_mul_size(p->group_in, p->g.item));
  size_t *where = p->pack_in_run ? &scratch : &state;
  p->packed = ek_place(where, p->packed_bytes);
  p->bare = ek_place(where, ek_mul_size(group_bytes(p, 1), p->groups));
  p->work = ek_place(where, ek_igemm_pack_scratch(&p->g, w, true));
  p->tap_list = ek_place(where, ek_mul_size(p->most_taps, sizeof(size_t)));
  const size_t table = ek_mul_size(p->most_taps, p->g.mr * sizeof(uint32_t));
  p->run_tables = ek_place(&scratch, ek_mul_size(table, ctx->threads != 0 ? ctx->threads : 1));
  if (!p->channels_last) {
    p->run_x = ek_place(&scratch, ek_tensor_bytes(x));
    p->run_y = ek_place(&scratch, ek_tensor_bytes(y));
  }
  p->state_bytes = state;
  p->scratch_bytes = scratch;
  if (state == SIZE_MAX || scratch == SIZE_MAX) {
    return ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "the weights or the image are too large");
  }
  return EK_OK;
}

static ek_status conv_transpose_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  plan p;
  EK_TRY(build(ctx, &p));
  memory->state_bytes = p.state_bytes;
  memory->scratch_bytes = p.scratch_bytes;
  memory->kernel = p.g.name;
  return EK_OK;
}

/* Packs every phase, then the bare form: one tap, only used on padding. */
static void pack(ek_op_context *ctx, const plan *p, char *memory) {
  ek_igemm g = p->g;
  ek_igemm_source source =
      ek_igemm_source_of(&g, ek_input(ctx, 0), ek_input(ctx, 1), ek_input(ctx, 2), ek_output(ctx, 0));
  size_t *taps = (size_t *)(void *)(memory + p->tap_list);
  char *to = memory + p->packed;
  const size_t filter = p->taps * p->group_in;
  for (size_t i = 0; i <= phase_count(p); i++) {
    const bool bare = i == phase_count(p);
    const phase f = get_phase(p, bare ? 0 : i);
    size_t n = 0;
    for (int64_t a = 0; a < f.count[0]; a++) {
      for (int64_t b = 0; b < f.count[1]; b++) {
        for (int64_t c = 0; c < f.count[2]; c++) {
          const int64_t t = ((f.first[0] + a * p->step[0]) * p->window.kernel[1] + f.first[1] + b * p->step[1]) *
                                p->window.kernel[2] +
                            f.first[2] + c * p->step[2];
          taps[n++] = (size_t)t * p->group_in;
        }
      }
    }
    g.ks = bare ? 1 : f.taps;
    to = bare ? memory + p->bare : to;
    source.taps = taps;
    source.shape = ek_igemm_weights_ohwi(p->group_out, g.ks, p->group_in);
    source.shape.n_stride = filter;
    for (size_t group = 0; group < p->groups; group++, to += group_bytes(p, g.ks)) {
      source.start = group * p->group_out * filter;
      source.bias_start = group * p->group_out;
      ek_igemm_pack(&g, &source, memory + p->work, to);
    }
  }
}

static ek_status conv_transpose_init(ek_op_context *ctx) {
  plan *p = ctx->state;
  EK_TRY(build(ctx, p));
  memset((char *)ctx->state + p->zero, p->g.qs8 != NULL ? p->g.input_zero_point : 0, p->group_in * p->g.item);
  if (!p->pack_in_run) {
    pack(ctx, p, ctx->state);
  }
  return EK_OK;
}

typedef struct job {
  const plan *p;
  ek_igemm g;
  phase f;
  const char *x, *packed, *zero;
  char *y;
  uint32_t *tables;
  size_t tiles; /* of one output row */
  size_t group_bytes;
} job;

/* Offsets of `mr` outputs of one row: positions first, first + 1, ... of the phase along the last dimension. */
static void fill_table(const job *j, int64_t z, int64_t v, int64_t first, size_t mr, uint32_t *table) {
  const plan *p = j->p;
  const phase *f = &j->f;
  const int64_t *size = p->in.size, *stride = p->window.stride;
  const int64_t shift[EK_SPATIAL] = {p->step[0] * p->window.dilation[0] / stride[0],
                                     p->step[1] * p->window.dilation[1] / stride[1],
                                     p->step[2] * p->window.dilation[2] / stride[2]};
  for (size_t m = 0; m < mr; m++) {
    const int64_t o[EK_SPATIAL] = {f->residue[0] + z * stride[0], f->residue[1] + v * stride[1],
                                   f->residue[2] + (first + (int64_t)m) * stride[2]};
    int64_t at[EK_SPATIAL]; /* input of the phase's first tap; each later tap lies `shift` before */
    for (uint32_t d = 0; d < EK_SPATIAL; d++) {
      at[d] = (o[d] + p->window.begin[d] - f->first[d] * p->window.dilation[d]) / stride[d];
    }
    uint32_t *entry = table + m;
    for (int64_t a = 0; a < f->count[0]; a++) {
      const int64_t iz = at[0] - a * shift[0];
      for (int64_t b = 0; b < f->count[1]; b++) {
        const int64_t iy = at[1] - b * shift[1];
        const bool inside = iz >= 0 && iz < size[0] && iy >= 0 && iy < size[1];
        for (int64_t c = 0; c < f->count[2]; c++, entry += j->g.mr) {
          const int64_t ix = at[2] - c * shift[2];
          *entry = inside && ix >= 0 && ix < size[2] ? (uint32_t)(((iz * size[1] + iy) * size[2] + ix) * p->in.channels)
                                                     : EK_IGEMM_PAD;
        }
      }
    }
  }
}

static void phase_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const plan *p = j->p;
  const phase *f = &j->f;
  const int64_t *out = p->out.size, *stride = p->window.stride;
  const size_t item = j->g.item, channels = (size_t)p->out.channels;
  const size_t image_in = (size_t)ek_spatial_positions(p->in.size) * (size_t)p->in.channels;
  uint32_t *table = j->tables + thread * p->most_taps * j->g.mr;
  ek_igemm_args args;
  ek_igemm_begin(&j->g, j->zero, (size_t)stride[2] * channels, &args);
  for (size_t i = begin; i < end; i++) {
    size_t rest = i;
    const size_t group = rest % p->groups;
    rest /= p->groups;
    const int64_t first = (int64_t)(rest % j->tiles * j->g.mr);
    rest /= j->tiles;
    const int64_t v = (int64_t)rest % f->outputs[1], z = (int64_t)rest / f->outputs[1] % f->outputs[0];
    const int64_t image = (int64_t)rest / f->outputs[1] / f->outputs[0];
    const size_t left = (size_t)(f->outputs[2] - first), mr = left < j->g.mr ? left : j->g.mr;
    if (group == 0 || i == begin) {
      fill_table(j, z, v, first, mr, table);
    }
    const int64_t oz = f->residue[0] + z * stride[0], oy = f->residue[1] + v * stride[1],
                  ox = f->residue[2] + first * stride[2];
    const size_t to = (size_t)(((image * out[0] + oz) * out[1] + oy) * out[2] + ox) * channels + group * p->group_out;
    ek_igemm_call(&j->g, &args, mr, p->group_out, j->x + ((size_t)image * image_in + group * p->group_in) * item, table,
                  j->packed + group * j->group_bytes, j->y + to * item, group * p->group_out);
  }
}

/* Every output as if it had no tap: the bias, finished. */
static void bare_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const plan *p = j->p;
  const size_t pixels = (size_t)(p->out.batch * ek_spatial_positions(p->out.size)), channels = (size_t)p->out.channels;
  uint32_t *table = j->tables + thread * p->most_taps * j->g.mr;
  ek_igemm_args args;
  memset(table, 0xFF, j->g.mr * sizeof *table);
  ek_igemm_begin(&j->g, j->zero, channels, &args);
  for (size_t i = begin; i < end; i++) {
    const size_t group = i % p->groups, row = i / p->groups * j->g.mr,
                 mr = pixels - row < j->g.mr ? pixels - row : j->g.mr;
    ek_igemm_call(&j->g, &args, mr, p->group_out, j->x, table, j->packed + group * j->group_bytes,
                  j->y + (row * channels + group * p->group_out) * j->g.item, group * p->group_out);
  }
}

static ek_status conv_transpose_run(ek_op_context *ctx) {
  const plan *p = ctx->state;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  char *scratch = ctx->scratch;
  plan now;
  if (x->is_dynamic || p->pack_in_run) {
    const size_t provided = p->scratch_bytes;
    EK_TRY(build(ctx, &now));
    if (now.scratch_bytes > provided) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the input is larger than the model allows");
    }
    p = &now;
  }
  if (ek_tensor_elements(y) == 0) {
    return EK_OK;
  }
  char *memory = p->pack_in_run ? scratch : ctx->state;
  if (p->pack_in_run) {
    pack(ctx, p, memory);
  }
  job j = {.p = p, .g = p->g, .x = x->data, .y = y->data, .zero = (const char *)ctx->state + p->zero};
  j.tables = (uint32_t *)(void *)(scratch + p->run_tables);
  const size_t batch = (size_t)p->in.batch, positions = (size_t)ek_spatial_positions(p->in.size);
  const size_t pixels = (size_t)ek_spatial_positions(p->out.size);
  if (!p->channels_last) {
    ek_transpose_matrices(ctx->pool, x->data, scratch + p->run_x, batch, (size_t)p->in.channels, positions, p->g.item);
    j.x = scratch + p->run_x;
    j.y = scratch + p->run_y;
  }
  if (p->gaps) {
    j.g.ks = 1;
    j.packed = memory + p->bare;
    j.group_bytes = group_bytes(p, 1);
    ek_parallel_for(ctx->pool, (batch * pixels + p->g.mr - 1) / p->g.mr * p->groups, ek_igemm_grain(&j.g, p->group_out),
                    bare_range, &j);
  }
  const char *packed = memory + p->packed;
  for (size_t i = 0; i < phase_count(p); i++) {
    j.f = get_phase(p, i);
    j.g.ks = j.f.taps;
    j.packed = packed;
    j.group_bytes = group_bytes(p, j.f.taps);
    j.tiles = ((size_t)j.f.outputs[2] + p->g.mr - 1) / p->g.mr;
    packed += j.group_bytes * p->groups;
    const size_t work = batch * (size_t)(j.f.outputs[0] * j.f.outputs[1]) * j.tiles * p->groups;
    ek_parallel_for(ctx->pool, work, ek_igemm_grain(&j.g, p->group_out), phase_range, &j);
  }
  if (!p->channels_last) {
    ek_transpose_matrices(ctx->pool, j.y, y->data, batch, pixels, (size_t)p->out.channels, p->g.item);
  }
  return EK_OK;
}

const ek_op ek_op_conv_transpose = {"ConvTranspose", conv_transpose_shape, conv_transpose_prepare, conv_transpose_init,
                                    conv_transpose_run};
