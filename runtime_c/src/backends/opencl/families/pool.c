/* Maximum and average pools, sliding and global. */
#include <math.h>

#include "backends/opencl/families/families.h"
#include "base/sizes.h"

typedef struct pool_form {
  ek_cl_geometry g;
  float clamp_min, clamp_max;
  bool is_max, include_pad;
  uint8_t rounding; /* of AveragePool */
} pool_form;

/* A global pool is one window over everything. */
static ek_status read_global(ek_cl_build *b, const ek_tensor *x, uint8_t layout, pool_form *f) {
  f->g.channels_last = layout == EK_MAX_POOL_LAYOUT_NHWC;
  EK_TRY(ek_spatial_split(b->ctx, x, f->g.channels_last, &f->g.in));
  f->g.out = f->g.in;
  for (uint32_t i = 0; i < EK_SPATIAL; i++) {
    f->g.out.size[i] = f->g.window.stride[i] = f->g.window.dilation[i] = 1;
    f->g.window.begin[i] = f->g.window.end[i] = 0;
    f->g.window.kernel[i] = f->g.in.size[i];
  }
  return EK_OK;
}

static ek_status read_sliding(ek_cl_build *b, const ek_tensor *x, ek_i64_list kernel, ek_i64_list strides,
                              ek_i64_list pads, ek_i64_list dilations, bool ceil_mode, uint8_t layout, pool_form *f) {
  f->g.channels_last = layout == EK_MAX_POOL_LAYOUT_NHWC;
  EK_TRY(ek_spatial_split(b->ctx, x, f->g.channels_last, &f->g.in));
  EK_TRY(ek_spatial_split(b->ctx, ek_output(b->ctx, 0), f->g.channels_last, &f->g.out));
  return ek_window_read(b->ctx, x->rank - 2, kernel.data, strides, pads, dilations, ceil_mode, &f->g.window);
}

static ek_status read_form(ek_cl_build *b, pool_form *f) {
  const ek_tensor *x = ek_input(b->ctx, 0);
  const ek_any_attrs *a = b->ctx->attrs;
  *f = (pool_form){.clamp_min = -INFINITY, .clamp_max = INFINITY};
  f->is_max = b->op_id == EK_OP_MAX_POOL || b->op_id == EK_OP_GLOBAL_MAX_POOL;
  switch (b->op_id) {
    case EK_OP_MAX_POOL: {
      const ek_max_pool_attrs *m = &a->max_pool;
      f->clamp_min = m->clamp_min;
      f->clamp_max = m->clamp_max;
      return read_sliding(b, x, m->kernel, m->strides, m->pads, m->dilations, m->ceil_mode, m->layout, f);
    }
    case EK_OP_AVERAGE_POOL: {
      const ek_average_pool_attrs *m = &a->average_pool;
      f->include_pad = m->count_include_pad;
      f->rounding = m->rounding;
      return read_sliding(b, x, m->kernel, m->strides, m->pads, m->dilations, m->ceil_mode, m->layout, f);
    }
    case EK_OP_GLOBAL_AVERAGE_POOL: return read_global(b, x, a->global_average_pool.layout, f);
    default: return read_global(b, x, a->global_max_pool.layout, f);
  }
}

static void begin(ek_cl_build *b, const pool_form *f, const char *kernel) {
  ek_cl_begin(b, EK_CL_FILE_POOL, kernel);
  ek_cl_arg_tensor(b, ek_input(b->ctx, 0));
  ek_cl_arg_tensor(b, ek_output(b->ctx, 0));
  ek_cl_arg_window(b, &f->g);
}

static ek_status end(ek_cl_build *b, const pool_form *f) {
  return ek_cl_end(b, f->g.out.channels, ek_cl_positions(&f->g.out), f->g.out.batch);
}

static ek_status build_max(ek_cl_build *b, const pool_form *f) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  if (x->dtype == EK_F32) {
    begin(b, f, "max_pool_f32");
    ek_cl_arg_float(b, f->clamp_min);
    ek_cl_arg_float(b, f->clamp_max);
    return end(b, f);
  }
  if (x->dtype != EK_I8 && x->dtype != EK_U8) return ek_cl_decline(b, "no kernel for %s", ek_cl_dtype_name(x));
  int32_t low = x->dtype == EK_I8 ? -128 : 0, high = x->dtype == EK_I8 ? 127 : 255;
  if (isfinite(f->clamp_min) || isfinite(f->clamp_max)) {
    ek_affine q;
    if (!ek_is_quantized(y)) return ek_cl_decline(b, "a clamp on %s without a scale", ek_cl_dtype_name(x));
    EK_TRY(ek_read_affine(b->ctx, y, &q));
    ek_quantize_clamp(f->clamp_min, f->clamp_max, &q, &low, &high);
  }
  begin(b, f, x->dtype == EK_I8 ? "max_pool_i8" : "max_pool_u8");
  ek_cl_arg_int(b, low);
  ek_cl_arg_int(b, high);
  return end(b, f);
}

/* By how much the counted area reaches beyond the input, on either side. */
static void arg_counted(ek_cl_build *b, const pool_form *f) {
  const int64_t *before = f->g.window.begin, *after = f->g.window.end;
  const int64_t on = f->include_pad ? 1 : 0;
  ek_cl_arg_int4(b, before[0] * on, before[1] * on, before[2] * on, 0);
  ek_cl_arg_int4(b, after[0] * on, after[1] * on, after[2] * on, 0);
}

static ek_status build_average_i8(ek_cl_build *b, const pool_form *f) {
  const int64_t *k = f->g.window.kernel;
  const int64_t most = k[0] * k[1] * k[2];
  ek_cl_quant qx, qy;
  EK_TRY(ek_cl_read_quant(b, ek_input(b->ctx, 0), -INFINITY, INFINITY, &qx));
  EK_TRY(ek_cl_read_quant(b, ek_output(b->ctx, 0), -INFINITY, INFINITY, &qy));
  if (most < 1 || most > (1 << 20)) return ek_cl_decline(b, "windows of %lld elements", (long long)most);
  float *multiplier = ek_cl_temporary(b, ek_mul_size((size_t)most, sizeof *multiplier));
  for (int64_t i = 0; multiplier != NULL && i < most; i++) {
    multiplier[i] = (float)((double)qx.affine.scale / ((double)qy.affine.scale * (double)(i + 1)));
  }
  begin(b, f, "average_pool_i8");
  arg_counted(b, f);
  ek_cl_arg_data(b, multiplier, (size_t)most * sizeof *multiplier);
  ek_cl_arg_int(b, qx.affine.zero_point);
  ek_cl_arg_int(b, qy.affine.zero_point);
  ek_cl_arg_float(b, qy.low);
  ek_cl_arg_float(b, qy.high);
  ek_cl_arg_int(b, f->rounding);
  const ek_status status = end(b, f);
  ek_cl_free_temporary(b, multiplier);
  return status;
}

static ek_status build_average(ek_cl_build *b, const pool_form *f) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  if (ek_cl_is_i8(x) && ek_cl_is_i8(y)) return build_average_i8(b, f);
  if (x->dtype != EK_F32) return ek_cl_decline(b, "no kernel for %s", ek_cl_dtype_name(x));
  begin(b, f, "average_pool_f32");
  arg_counted(b, f);
  return end(b, f);
}

ek_status ek_cl_build_pool(ek_cl_build *b) {
  pool_form f;
  EK_TRY(read_form(b, &f));
  return f.is_max ? build_max(b, &f) : build_average(b, &f);
}
