#include "ops/linear/conv_plan.h"

#include <string.h>

#include "ops/quantized.h"

#define MAX_TABLE_BYTES (4u << 20)

static bool unit_window(const ek_conv_plan *p) {
  for (uint32_t d = 0; d < EK_SPATIAL; d++) {
    if (p->window.kernel[d] != 1 || p->window.stride[d] != 1 || p->window.begin[d] != 0 || p->window.end[d] != 0) {
      return false;
    }
  }
  return true;
}

/* First input position of an output row along the dimensions before the last; true when the window lies inside along
 * them. */
static bool row_start(const ek_conv_plan *p, size_t row, int64_t start[2]) {
  const int64_t o[2] = {(int64_t)row / p->out.size[1], (int64_t)row % p->out.size[1]};
  bool inside = true;
  for (uint32_t d = 0; d < 2; d++) {
    start[d] = o[d] * p->window.stride[d] - p->window.begin[d];
    inside = inside && start[d] >= 0 && start[d] + (p->window.kernel[d] - 1) * p->window.dilation[d] < p->in.size[d];
  }
  return inside;
}

/* Rows share tables where that wastes little of the last tile of a row. */
static void choose_rows(ek_conv_plan *p) {
  const size_t width = (size_t)p->out.size[2];
  p->row_count = (size_t)(p->out.size[0] * p->out.size[1]);
  p->row_tiles = (width + p->mr - 1) / p->mr;
  p->by_row = width % p->mr == 0 || width >= 8 * p->mr || p->path == EK_CONV_DEPTHWISE;
  size_t border = 0;
  for (size_t i = 0; i < p->row_count; i++) {
    int64_t start[2];
    border += row_start(p, i, start) ? 0 : 1;
  }
  p->row_tables = border + (border < p->row_count ? 1 : 0);
  p->by_row = p->by_row && p->row_tables < p->row_count;
}

static size_t depthwise_pack_scratch(const ek_conv_plan *p) {
  /* weights as float (the int8 kernel takes them as they lie), then bias, then multipliers */
  return ek_mul_size(ek_add_size(p->dw_qs8 != NULL ? 0 : p->taps, 2), p->groups * sizeof(float));
}

ek_status ek_conv_plan_build(ek_op_context *ctx, ek_conv_plan *p) {
  const ek_conv_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1), *b = ek_input(ctx, 2);
  const ek_tensor *y = ek_output(ctx, 0);
  memset(p, 0, sizeof *p);
  p->channels_last = attrs->layout == EK_CONV_LAYOUT_NHWC;
  EK_TRY(ek_spatial_split(ctx, x, p->channels_last, &p->in));
  EK_TRY(
      ek_window_read(ctx, x->rank - 2, w->dims + 1, attrs->strides, attrs->pads, attrs->dilations, false, &p->window));
  p->out = p->in;
  EK_TRY(ek_window_output(ctx, &p->window, p->in.size, p->out.size));
  p->out.channels = w->dims[0];
  p->groups = (size_t)attrs->groups;
  p->group_in = (size_t)w->dims[w->rank - 1];
  p->group_out = (size_t)p->out.channels / p->groups;
  p->taps = (size_t)ek_spatial_positions(p->window.kernel);
  p->pixels = (size_t)ek_spatial_positions(p->out.size);
  if (p->group_in == 0 || p->group_out == 0) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "a convolution without channels");
  }
  EK_TRY(ek_igemm_choose(ctx, x, w, b, y, (size_t)p->out.channels, p->taps, p->group_in, attrs->clamp_min,
                         attrs->clamp_max, &p->g));
  const size_t image = ek_mul_size((size_t)ek_spatial_positions(p->in.size), (size_t)p->in.channels);
  if (image >= EK_IGEMM_PAD) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "an image of %zu elements is too large", image);
  }
  p->mr = p->g.mr;
  if (p->group_in == 1 && p->group_out == 1 && p->groups > 1) {
    p->path = EK_CONV_DEPTHWISE;
    if (p->g.qs8 != NULL) {
      p->dw_qs8 = ek_qs8_dwconv_select(p->g.qs8->info.cpu == 0 ? 0 : ctx->cpu_features, p->taps);
      p->mr = p->dw_qs8->info.mr;
      p->g.name = p->dw_qs8->info.name;
    } else {
      p->dw_f32 = ek_f32_dwconv_select(ctx->cpu_features, p->taps);
      p->mr = p->dw_f32->info.mr;
      p->g.name = p->dw_f32->info.name;
    }
  } else if (unit_window(p) && ek_gemm_fits(&p->g, (size_t)p->in.channels)) {
    p->path = EK_CONV_GEMM;
  } else {
    p->path = EK_CONV_IGEMM;
  }

  if (p->path != EK_CONV_GEMM && !x->is_dynamic) {
    choose_rows(p);
  }
  const size_t tiles = p->by_row ? ek_mul_size(p->row_tables, p->row_tiles) : (p->pixels + p->mr - 1) / p->mr;
  const size_t table = ek_mul_size(p->taps, p->mr * sizeof(uint32_t));
  const size_t tables = ek_mul_size(tiles, table);
  p->pack_in_run = !w->is_constant || (b != NULL && !b->is_constant);
  p->tables_in_run = x->is_dynamic || tables > MAX_TABLE_BYTES;
  p->by_row = p->by_row && !p->tables_in_run;

  size_t packed, pack_scratch;
  if (p->path == EK_CONV_DEPTHWISE) {
    packed = p->dw_qs8 != NULL ? ek_qs8_dwconv_packed_size(p->dw_qs8, p->groups, p->taps)
                               : ek_f32_dwconv_packed_size(p->dw_f32, p->groups, p->taps);
    pack_scratch = depthwise_pack_scratch(p);
  } else {
    p->packed_group = ek_align_size(ek_igemm_packed_size(&p->g, p->group_out));
    packed = ek_mul_size(p->packed_group, p->groups);
    pack_scratch = ek_igemm_pack_scratch(&p->g, w, false);
  }
  size_t state = 0, scratch = 0;
  (void)ek_place(&state, sizeof *p);
  if (p->g.qs8 != NULL) {
    ek_fixed_plan(ctx, attrs->requantize, (size_t)p->out.channels, p->g.zero_point, p->g.qmin, p->g.qmax, &state,
                  &p->g.fixed);
  }
  p->zero = ek_place(&state, ek_mul_size(p->path == EK_CONV_DEPTHWISE ? p->groups : p->group_in, p->g.item));
  if (p->pack_in_run) {
    p->run_packed = ek_place(&scratch, packed);
    p->run_pack_scratch = ek_place(&scratch, pack_scratch);
  } else {
    p->packed = ek_place(&state, packed);
    p->init_scratch = ek_place(&state, pack_scratch);
  }
  if (p->path != EK_CONV_GEMM) {
    if (p->tables_in_run) {
      p->run_tables = ek_place(&scratch, ek_mul_size(table, ctx->threads));
    } else {
      p->tables = ek_place(&state, tables);
      p->rows = p->by_row ? ek_place(&state, ek_mul_size(p->row_count, sizeof(ek_conv_row))) : 0;
    }
  }
  if (!p->channels_last) {
    const size_t images = (size_t)p->in.batch;
    p->run_x = ek_place(&scratch, ek_mul_size(ek_mul_size(images, image), p->g.item));
    p->run_y = ek_place(&scratch,
                        ek_mul_size(ek_mul_size(images, ek_mul_size(p->pixels, (size_t)p->out.channels)), p->g.item));
  }
  p->state_bytes = state;
  p->scratch_bytes = scratch;
  if (state == SIZE_MAX || scratch == SIZE_MAX) {
    return ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "the weights or the image are too large");
  }
  return EK_OK;
}

static void pack_depthwise(ek_op_context *ctx, const ek_conv_plan *p, void *scratch, void *packed) {
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1), *b = ek_input(ctx, 2);
  const ek_tensor *y = ek_output(ctx, 0);
  const size_t channels = p->groups, taps = p->taps;
  float *values = scratch, *bias = values + (p->dw_qs8 != NULL ? 0 : taps * channels), *multiplier = bias + channels;
  if (p->dw_qs8 != NULL) {
    for (size_t c = 0; c < channels; c++) {
      const double scale = (double)w->quant->scale[w->quant->count > 1 ? c : 0];
      multiplier[c] = (float)((double)x->quant->scale[0] * scale / (double)y->quant->scale[0]);
    }
    ek_qs8_dwconv_pack(p->dw_qs8, channels, taps, w->data, 1, taps, b != NULL ? b->data : NULL, multiplier,
                       p->g.input_zero_point, packed);
    return;
  }
  for (size_t i = 0; i < taps * channels; i++) {
    values[i] = ek_weight_value(w, w->data, i);
  }
  for (size_t c = 0; c < channels && b != NULL; c++) {
    bias[c] = ek_weight_value(b, b->data, c);
  }
  ek_f32_dwconv_pack(p->dw_f32, channels, taps, values, 1, taps, b != NULL ? bias : NULL, packed);
}

void ek_conv_pack(ek_op_context *ctx, const ek_conv_plan *p, void *scratch, void *packed) {
  if (p->path == EK_CONV_DEPTHWISE) {
    pack_depthwise(ctx, p, scratch, packed);
    return;
  }
  ek_igemm_source source =
      ek_igemm_source_of(&p->g, ek_input(ctx, 0), ek_input(ctx, 1), ek_input(ctx, 2), ek_output(ctx, 0));
  source.shape = ek_igemm_weights_ohwi(p->group_out, p->taps, p->group_in);
  for (size_t group = 0; group < p->groups; group++) {
    source.start = group * p->group_out * p->taps * p->group_in;
    source.bias_start = group * p->group_out;
    ek_igemm_pack(&p->g, &source, scratch, (char *)packed + group * p->packed_group);
  }
}

void ek_conv_fill_table(const ek_conv_plan *p, size_t first, size_t mr, uint32_t *table) {
  const int64_t *size = p->in.size, *out = p->out.size, *kernel = p->window.kernel, *dilation = p->window.dilation;
  const int64_t channels = p->in.channels;
  for (size_t m = 0; m < mr; m++) {
    const int64_t pixel = (int64_t)(first + m);
    const int64_t o[EK_SPATIAL] = {pixel / (out[1] * out[2]), pixel / out[2] % out[1], pixel % out[2]};
    int64_t start[EK_SPATIAL];
    for (uint32_t d = 0; d < EK_SPATIAL; d++) {
      start[d] = o[d] * p->window.stride[d] - p->window.begin[d];
    }
    uint32_t *entry = table + m;
    for (int64_t a = 0; a < kernel[0]; a++) {
      const int64_t z = start[0] + a * dilation[0];
      for (int64_t e = 0; e < kernel[1]; e++) {
        const int64_t v = start[1] + e * dilation[1];
        const bool inside = z >= 0 && z < size[0] && v >= 0 && v < size[1];
        for (int64_t f = 0; f < kernel[2]; f++, entry += p->mr) {
          const int64_t u = start[2] + f * dilation[2];
          *entry =
              inside && u >= 0 && u < size[2] ? (uint32_t)(((z * size[1] + v) * size[2] + u) * channels) : EK_IGEMM_PAD;
        }
      }
    }
  }
}

void ek_conv_fill_tables(const ek_conv_plan *p, char *state) {
  const size_t entries = p->taps * p->mr;
  uint32_t *table = (uint32_t *)(void *)(state + p->tables);
  if (!p->by_row) {
    for (size_t first = 0; first < p->pixels; first += p->mr, table += entries) {
      ek_conv_fill_table(p, first, p->pixels - first < p->mr ? p->pixels - first : p->mr, table);
    }
    return;
  }
  const size_t width = (size_t)p->out.size[2];
  ek_conv_row *rows = (ek_conv_row *)(void *)(state + p->rows);
  uint32_t filled = 0, shared = UINT32_MAX, shared_base = 0;
  for (size_t i = 0; i < p->row_count; i++) {
    int64_t start[2];
    const bool inside = row_start(p, i, start);
    rows[i].base = inside ? (uint32_t)((start[0] * p->in.size[1] + start[1]) * p->in.size[2] * p->in.channels) : 0;
    if (inside && shared != UINT32_MAX) {
      rows[i].table = shared;
      continue;
    }
    rows[i].table = filled;
    uint32_t *to = table + filled++ * p->row_tiles * entries;
    if (inside) {
      shared = rows[i].table;
      shared_base = rows[i].base;
    }
    for (size_t first = 0; first < width; first += p->mr, to += entries) {
      const size_t mr = width - first < p->mr ? width - first : p->mr;
      ek_conv_fill_table(p, i * width + first, mr, to);
      for (size_t e = 0; e < entries && inside; e++) {
        if (e % p->mr < mr && to[e] != EK_IGEMM_PAD) {
          to[e] -= shared_base;
        }
      }
    }
  }
}
