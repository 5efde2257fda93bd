/* Conv, ConvTranspose and FullyConnected. Three kernels a type: tiles (channels last, one group, constant weights, packed), depthwise (the same with
 * as many groups as channels), and one for everything else that reads the weights as the file holds them. */
#include <math.h>
#include <string.h>

#include "backends/opencl/families/families.h"
#include "base/sizes.h"

typedef struct conv_form {
  ek_cl_geometry g;
  const ek_tensor *x, *w, *bias, *y;
  int64_t groups, outputs; /* all output channels */
  int64_t inputs;          /* input channels of one group */
  int64_t taps;
  float min, max;
  bool is_i8, is_transposed;
  float *multiplier; /* by output channel, rounded up to 4 with zeros; NULL while dry */
  ek_cl_quant qx, qy;
} conv_form;

typedef enum conv_kind { CONV_ANY, CONV_TILE, CONV_DEPTHWISE } conv_kind;

static size_t rounded_up(int64_t n) { return (size_t)(n + 3) / 4 * 4; }

static conv_kind kind_of(const conv_form *f) {
  const bool constant = f->w->is_constant && (f->bias == NULL || f->bias->is_constant);
  if (!constant || !f->g.channels_last || f->is_transposed) return CONV_ANY;
  if (f->groups == 1) return CONV_TILE;
  return f->inputs == 1 && f->outputs == f->groups ? CONV_DEPTHWISE : CONV_ANY;
}

/* Weights [O, taps, I] become [taps, I, O rounded up]; with one input channel a group, [taps, O rounded up]: the same formula. */
static void pack(const conv_form *f, const void *from, void *to, size_t item) {
  const size_t outputs = (size_t)f->outputs, depth = (size_t)(f->taps * f->inputs), packed = rounded_up(f->outputs);
  memset(to, 0, depth * packed * item);
  for (size_t o = 0; o < outputs; o++) {
    for (size_t i = 0; i < depth; i++) {
      memcpy((char *)to + (i * packed + o) * item, (const char *)from + (o * depth + i) * item, item);
    }
  }
}

static void arg_packed(ek_cl_build *b, const conv_form *f, const void *values, size_t item) {
  const size_t bytes = ek_mul_size(ek_mul_size((size_t)(f->taps * f->inputs), rounded_up(f->outputs)), item);
  void *packed = ek_cl_temporary(b, bytes != 0 ? bytes : 1);
  if (packed != NULL) {
    pack(f, values, packed, item);
    ek_cl_arg_data(b, packed, bytes);
  }
  ek_cl_free_temporary(b, packed);
}

/* Four-byte values by output channel, zeros behind; NULL: all zeros. */
static void arg_channels(ek_cl_build *b, const conv_form *f, const void *values) {
  const size_t bytes = ek_mul_size(rounded_up(f->outputs), 4);
  char *padded = ek_cl_temporary(b, bytes != 0 ? bytes : 4);
  if (padded != NULL) {
    memset(padded, 0, bytes);
    if (values != NULL) memcpy(padded, values, (size_t)f->outputs * 4);
    ek_cl_arg_data(b, padded, bytes);
  }
  ek_cl_free_temporary(b, padded);
}

static void arg_clamp(ek_cl_build *b, float low, float high) {
  ek_cl_arg_float(b, low);
  ek_cl_arg_float(b, high);
}

static void arg_i8_end(ek_cl_build *b, const conv_form *f) {
  arg_channels(b, f, f->multiplier);
  ek_cl_arg_int(b, f->qx.affine.zero_point);
  ek_cl_arg_int(b, f->qy.affine.zero_point);
  arg_clamp(b, f->qy.low, f->qy.high);
}

/* A float tensor, or a constant of another type that stands for floats. */
static void arg_real(ek_cl_build *b, const ek_tensor *t) {
  if (t == NULL || (t->dtype == EK_F32 && t->quant == NULL)) {
    ek_cl_arg_tensor(b, t);
    return;
  }
  float *values = ek_cl_real_values(b, t);
  if (values != NULL) ek_cl_arg_data(b, values, ek_mul_size((size_t)ek_tensor_elements(t), sizeof *values));
  ek_cl_free_temporary(b, values);
}

static ek_status build_any(ek_cl_build *b, const conv_form *f) {
  static const char *const names[2][2] = {{"conv_f32", "conv_i8"}, {"conv_transpose_f32", "conv_transpose_i8"}};
  ek_cl_begin(b, EK_CL_FILE_CONV, names[f->is_transposed][f->is_i8]);
  ek_cl_arg_tensor(b, f->x);
  if (f->is_i8) {
    ek_cl_arg_tensor(b, f->w);
    ek_cl_arg_tensor(b, f->bias);
  } else {
    arg_real(b, f->w);
    arg_real(b, f->bias);
  }
  ek_cl_arg_tensor(b, f->y);
  ek_cl_arg_window(b, &f->g);
  ek_cl_arg_int(b, f->inputs);
  ek_cl_arg_int(b, f->outputs / f->groups);
  ek_cl_arg_int(b, f->bias != NULL);
  if (f->is_i8) {
    arg_i8_end(b, f);
  } else {
    arg_clamp(b, f->min, f->max);
  }
  return ek_cl_end(b, f->outputs, ek_cl_positions(&f->g.out), f->g.out.batch);
}

static ek_status build_packed(ek_cl_build *b, const conv_form *f, const char *kernel, int64_t positions) {
  float *w = NULL, *bias = NULL;
  ek_cl_begin(b, EK_CL_FILE_CONV, kernel);
  ek_cl_arg_tensor(b, f->x);
  if (f->is_i8) {
    arg_packed(b, f, f->w->data, 1);
    arg_channels(b, f, f->bias != NULL ? f->bias->data : NULL);
  } else {
    w = ek_cl_real_values(b, f->w);
    bias = f->bias != NULL ? ek_cl_real_values(b, f->bias) : NULL;
    arg_packed(b, f, w, sizeof *w);
    arg_channels(b, f, bias);
  }
  ek_cl_arg_tensor(b, f->y);
  ek_cl_arg_window(b, &f->g);
  if (f->is_i8) {
    arg_i8_end(b, f);
  } else {
    arg_clamp(b, f->min, f->max);
  }
  ek_cl_free_temporary(b, w);
  ek_cl_free_temporary(b, bias);
  return ek_cl_end(b, (f->outputs + 3) / 4, positions, f->g.out.batch);
}

static ek_status check_i8(ek_cl_build *b, conv_form *f) {
  const ek_quant *q = f->w->quant;
  if (!ek_cl_is_i8(f->x) || !ek_cl_is_i8(f->y)) return ek_cl_decline(b, "int8 without one scale for each tensor");
  if (f->w->dtype != EK_I8 || q == NULL || (q->count != 1 && (q->axis != 0 || (int64_t)q->count != f->outputs))) {
    return ek_cl_decline(b, "int8 weights need a scale, or one for each output channel");
  }
  if (f->bias != NULL && f->bias->dtype != EK_I32) return ek_cl_decline(b, "an int8 convolution needs a bias of int32");
  EK_TRY(ek_cl_read_quant(b, f->x, -INFINITY, INFINITY, &f->qx));
  EK_TRY(ek_cl_read_quant(b, f->y, f->min, f->max, &f->qy));
  for (uint32_t i = 0; i < q->count; i++) {
    float m = 0;
    if (q->zero_point[i] != 0) return ek_cl_decline(b, "int8 weights need zero points of 0");
    EK_TRY(ek_requantize_multiplier(b->ctx, f->qx.affine.scale, q->scale[i], f->qy.affine.scale, &m));
  }
  return EK_OK;
}

static ek_status check_f32(ek_cl_build *b, const conv_form *f) {
  const ek_tensor *parts[] = {f->w, f->bias};
  if (f->x->dtype != EK_F32) return ek_cl_decline(b, "no kernel for %s", ek_cl_dtype_name(f->x));
  for (uint32_t i = 0; i < 2; i++) {
    const ek_tensor *t = parts[i];
    const bool plain = t == NULL || (t->dtype == EK_F32 && t->quant == NULL);
    if (!plain && !ek_cl_has_real_values(t)) {
      return ek_cl_decline(b, "%s %s that are no constants", ek_cl_dtype_name(t), i == 0 ? "weights" : "biases");
    }
  }
  return EK_OK;
}

static void fill_multipliers(ek_cl_build *b, conv_form *f) {
  f->multiplier = ek_cl_temporary(b, ek_mul_size(rounded_up(f->outputs) + 4, sizeof(float)));
  for (int64_t o = 0; f->multiplier != NULL && o < f->outputs; o++) {
    const float sw = f->w->quant->scale[f->w->quant->count > 1 ? o : 0];
    f->multiplier[o] = (float)((double)f->qx.affine.scale * (double)sw / (double)f->qy.affine.scale);
  }
}

static ek_status build(ek_cl_build *b, conv_form *f) {
  f->is_i8 = f->x->dtype == EK_I8;
  EK_TRY(f->is_i8 ? check_i8(b, f) : check_f32(b, f));
  const int64_t positions = ek_cl_positions(&f->g.out);
  ek_status status = EK_OK;
  if (f->is_i8) fill_multipliers(b, f);
  switch (kind_of(f)) {
    case CONV_TILE:
      status = build_packed(b, f, f->is_i8 ? "conv_tile_i8" : "conv_tile_f32", (positions + 3) / 4);
      break;
    case CONV_DEPTHWISE: status = build_packed(b, f, f->is_i8 ? "depthwise_i8" : "depthwise_f32", positions); break;
    default: status = build_any(b, f); break;
  }
  ek_cl_free_temporary(b, f->multiplier);
  return status;
}

ek_status ek_cl_build_conv(ek_cl_build *b) {
  const ek_conv_attrs *attrs = b->ctx->attrs;
  conv_form f = {
      .x = ek_input(b->ctx, 0), .w = ek_input(b->ctx, 1), .bias = ek_input(b->ctx, 2), .y = ek_output(b->ctx, 0)};
  if (attrs->requantize != EK_CONV_REQUANTIZE_FLOAT) {
    return ek_op_fail(b->ctx, EK_ERR_UNSUPPORTED, "requantize in fixed point runs on the CPU");
  }
  f.g.channels_last = attrs->layout == EK_CONV_LAYOUT_NHWC;
  EK_TRY(ek_spatial_split(b->ctx, f.x, f.g.channels_last, &f.g.in));
  EK_TRY(ek_spatial_split(b->ctx, f.y, f.g.channels_last, &f.g.out));
  EK_TRY(ek_window_read(b->ctx, f.x->rank - 2, f.w->dims + 1, attrs->strides, attrs->pads, attrs->dilations, false,
                        &f.g.window));
  f.groups = attrs->groups;
  f.outputs = f.w->dims[0];
  f.inputs = f.w->dims[f.w->rank - 1];
  f.taps = ek_spatial_positions(f.g.window.kernel);
  f.min = attrs->clamp_min;
  f.max = attrs->clamp_max;
  return build(b, &f);
}

ek_status ek_cl_build_conv_transpose(ek_cl_build *b) {
  const ek_conv_transpose_attrs *attrs = b->ctx->attrs;
  conv_form f = {
      .x = ek_input(b->ctx, 0), .w = ek_input(b->ctx, 1), .bias = ek_input(b->ctx, 2), .y = ek_output(b->ctx, 0)};
  f.is_transposed = true;
  f.g.channels_last = attrs->layout == EK_CONV_TRANSPOSE_LAYOUT_NHWC;
  EK_TRY(ek_spatial_split(b->ctx, f.x, f.g.channels_last, &f.g.in));
  EK_TRY(ek_spatial_split(b->ctx, f.y, f.g.channels_last, &f.g.out));
  EK_TRY(ek_window_read(b->ctx, f.x->rank - 2, f.w->dims + 1, attrs->strides, attrs->pads, attrs->dilations, false,
                        &f.g.window));
  f.groups = attrs->groups;
  f.outputs = f.w->dims[0];
  f.inputs = f.w->dims[f.w->rank - 1];
  f.min = attrs->clamp_min;
  f.max = attrs->clamp_max;
  return build(b, &f);
}

/* A convolution of one tap whose positions are the rows of x. */
ek_status ek_cl_build_fully_connected(ek_cl_build *b) {
  const ek_fully_connected_attrs *attrs = b->ctx->attrs;
  conv_form f = {
      .x = ek_input(b->ctx, 0), .w = ek_input(b->ctx, 1), .bias = ek_input(b->ctx, 2), .y = ek_output(b->ctx, 0)};
  int64_t rows = 1;
  if (attrs->requantize != EK_FULLY_CONNECTED_REQUANTIZE_FLOAT) {
    return ek_op_fail(b->ctx, EK_ERR_UNSUPPORTED, "requantize in fixed point runs on the CPU");
  }
  for (uint32_t i = 0; i + 1 < f.x->rank; i++) rows *= f.x->dims[i];
  f.g.channels_last = true;
  f.g.in = (ek_spatial){1, f.w->dims[1], {1, 1, rows}};
  f.g.out = (ek_spatial){1, f.w->dims[0], {1, 1, rows}};
  for (uint32_t i = 0; i < EK_SPATIAL; i++) {
    f.g.window.kernel[i] = f.g.window.stride[i] = f.g.window.dilation[i] = 1;
  }
  f.groups = f.taps = 1;
  f.outputs = f.w->dims[0];
  f.inputs = f.w->dims[1];
  f.min = attrs->clamp_min;
  f.max = attrs->clamp_max;
  return build(b, &f);
}
