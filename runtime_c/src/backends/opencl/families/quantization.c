/* Quantize, Dequantize, Requantize and Lookup. */
#include "backends/opencl/families/families.h"
#include "base/sizes.h"

typedef struct integer_type {
  int32_t lowest, highest;
  bool known;
} integer_type;

static integer_type range_of(ek_dtype dtype) {
  switch (dtype) {
    case EK_I8: return (integer_type){-128, 127, true};
    case EK_U8: return (integer_type){0, 255, true};
    case EK_I16: return (integer_type){-32768, 32767, true};
    case EK_U16: return (integer_type){0, 65535, true};
    default: return (integer_type){0, 0, false};
  }
}

/* Elements behind the channel axis; everything where there is one scale. */
static int64_t inner_of(const ek_tensor *t, const ek_quant *q) {
  int64_t inner = 1;
  for (uint32_t i = q->axis >= 0 && q->count > 1 ? (uint32_t)q->axis + 1 : 0; i < t->rank; i++) inner *= t->dims[i];
  return inner != 0 ? inner : 1;
}

static ek_status check_scales(ek_cl_build *b, const ek_tensor *t) {
  if (t->quant == NULL) return ek_cl_decline(b, "'%.40s' has no scale", t->name);
  for (uint32_t i = 0; i < t->quant->count; i++) {
    float scale = 0;
    EK_TRY(ek_cl_multiplier(b, t->quant->scale[i], &scale));
  }
  return EK_OK;
}

static void arg_parameters(ek_cl_build *b, const ek_quant *q) {
  ek_cl_arg_data(b, q->scale, q->count * sizeof *q->scale);
  ek_cl_arg_data(b, q->zero_point, q->count * sizeof *q->zero_point);
}

static ek_status build_quantize(ek_cl_build *b, const ek_tensor *x, const ek_tensor *y) {
  const integer_type type = range_of(y->dtype);
  EK_TRY(check_scales(b, y));
  if (!type.known) return ek_cl_decline(b, "no kernel for %s", ek_cl_dtype_name(y));
  ek_cl_begin(b, EK_CL_FILE_QUANTIZE, "quantize");
  ek_cl_arg_tensor(b, x);
  ek_cl_arg_tensor(b, y);
  arg_parameters(b, y->quant);
  ek_cl_arg_int(b, ek_tensor_elements(x));
  ek_cl_arg_int(b, inner_of(y, y->quant));
  ek_cl_arg_int(b, y->quant->count);
  ek_cl_arg_int(b, type.lowest);
  ek_cl_arg_int(b, type.highest);
  ek_cl_arg_int(b, y->dtype);
  return ek_cl_end(b, ek_tensor_elements(x), 1, 1);
}

static ek_status build_dequantize(ek_cl_build *b, const ek_tensor *x, const ek_tensor *y) {
  EK_TRY(check_scales(b, x));
  if (!range_of(x->dtype).known && x->dtype != EK_I32) return ek_cl_decline(b, "no kernel for %s", ek_cl_dtype_name(x));
  ek_cl_begin(b, EK_CL_FILE_QUANTIZE, "dequantize");
  ek_cl_arg_tensor(b, x);
  ek_cl_arg_tensor(b, y);
  arg_parameters(b, x->quant);
  ek_cl_arg_int(b, ek_tensor_elements(x));
  ek_cl_arg_int(b, inner_of(x, x->quant));
  ek_cl_arg_int(b, x->quant->count);
  ek_cl_arg_int(b, x->dtype);
  return ek_cl_end(b, ek_tensor_elements(x), 1, 1);
}

typedef struct requantize_tables {
  float *multiplier;
  int32_t *x_zero, *y_zero;
} requantize_tables;

/* One entry a channel of whichever side has channels. */
static ek_status fill_tables(ek_cl_build *b, const ek_quant *x, const ek_quant *y, uint32_t count,
                             requantize_tables *t) {
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t ix = x->count > 1 ? i : 0, iy = y->count > 1 ? i : 0;
    float m = 0;
    EK_TRY(ek_cl_multiplier(b, (double)x->scale[ix] / (double)y->scale[iy], &m));
    if (t->multiplier != NULL) {
      t->multiplier[i] = m;
      t->x_zero[i] = x->zero_point[ix];
      t->y_zero[i] = y->zero_point[iy];
    }
  }
  return EK_OK;
}

static ek_status build_requantize(ek_cl_build *b, const ek_tensor *x, const ek_tensor *y) {
  const ek_requantize_attrs *attrs = b->ctx->attrs;
  if (attrs->requantize != EK_REQUANTIZE_REQUANTIZE_FLOAT) {
    return ek_op_fail(b->ctx, EK_ERR_UNSUPPORTED, "requantize in fixed point runs on the CPU");
  }
  const integer_type type = range_of(y->dtype);
  EK_TRY(check_scales(b, x));
  EK_TRY(check_scales(b, y));
  if (!type.known || (!range_of(x->dtype).known && x->dtype != EK_I32)) {
    return ek_cl_decline(b, "no kernel for %s to %s", ek_cl_dtype_name(x), ek_cl_dtype_name(y));
  }
  if (x->quant->count > 1 && y->quant->count > 1 && x->quant->axis != y->quant->axis) {
    return ek_cl_decline(b, "scales along different axes");
  }
  const ek_tensor *channels = x->quant->count > 1 ? x : y;
  const uint32_t count = channels->quant->count;
  const size_t bytes = ek_mul_size(count, sizeof(int32_t));
  int32_t *memory = ek_cl_temporary(b, ek_mul_size(bytes, 3));
  requantize_tables t = {(float *)memory, memory != NULL ? memory + count : NULL,
                         memory != NULL ? memory + 2 * (size_t)count : NULL};
  ek_status status = fill_tables(b, x->quant, y->quant, count, &t);
  if (status == EK_OK) {
    ek_cl_begin(b, EK_CL_FILE_QUANTIZE, "requantize");
    ek_cl_arg_tensor(b, x);
    ek_cl_arg_tensor(b, y);
    ek_cl_arg_data(b, t.multiplier, bytes);
    ek_cl_arg_data(b, t.x_zero, bytes);
    ek_cl_arg_data(b, t.y_zero, bytes);
    ek_cl_arg_int(b, ek_tensor_elements(x));
    ek_cl_arg_int(b, inner_of(channels, channels->quant));
    ek_cl_arg_int(b, count);
    ek_cl_arg_int(b, type.lowest);
    ek_cl_arg_int(b, type.highest);
    ek_cl_arg_int(b, x->dtype);
    ek_cl_arg_int(b, y->dtype);
    status = ek_cl_end(b, ek_tensor_elements(x), 1, 1);
  }
  ek_cl_free_temporary(b, memory);
  return status;
}

ek_status ek_cl_build_quantization(ek_cl_build *b) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  switch (b->op_id) {
    case EK_OP_QUANTIZE: return build_quantize(b, x, y);
    case EK_OP_DEQUANTIZE: return build_dequantize(b, x, y);
    default: return build_requantize(b, x, y);
  }
}

ek_status ek_cl_build_lookup(ek_cl_build *b) {
  const ek_tensor *x = ek_input(b->ctx, 0), *table = ek_input(b->ctx, 1), *y = ek_output(b->ctx, 0);
  const size_t item = ek_dtype_size(table->dtype);
  if (ek_dtype_size(x->dtype) != 1 || item > 4)
    return ek_cl_decline(b, "no kernel for tables of %s", ek_cl_dtype_name(table));
  ek_cl_begin(b, EK_CL_FILE_QUANTIZE, item == 1 ? "lookup_1" : item == 2 ? "lookup_2" : "lookup_4");
  ek_cl_arg_tensor(b, x);
  ek_cl_arg_tensor(b, table);
  ek_cl_arg_tensor(b, y);
  ek_cl_arg_int(b, ek_tensor_elements(x));
  ek_cl_arg_int(b, x->dtype == EK_I8);
  return ek_cl_end(b, ek_tensor_elements(x), 1, 1);
}
