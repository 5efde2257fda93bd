#include <math.h>
#include <string.h>

#include "backends/opencl/families/families.h"
#include "base/float16.h"
#include "base/sizes.h"

const char *ek_cl_dtype_name(const ek_tensor *t) {
  static const char *const names[] = {"unknown", "float32", "float16", "int8",   "uint8", "int16",  "uint16",
                                      "int32",   "uint32",  "int64",   "uint64", "bool",  "float64"};
  return (size_t)t->dtype < sizeof names / sizeof names[0] ? names[t->dtype] : names[0];
}

bool ek_cl_is_i8(const ek_tensor *t) { return t->dtype == EK_I8 && t->quant != NULL && t->quant->count == 1; }

ek_status ek_cl_read_quant(ek_cl_build *b, const ek_tensor *t, float clamp_min, float clamp_max, ek_cl_quant *out) {
  int32_t min = 0, max = 0;
  EK_TRY(ek_read_affine(b->ctx, t, &out->affine));
  ek_quantize_clamp(clamp_min, clamp_max, &out->affine, &min, &max);
  out->low = (float)(min - out->affine.zero_point);
  out->high = (float)(max - out->affine.zero_point);
  return EK_OK;
}

ek_status ek_cl_multiplier(ek_cl_build *b, double value, float *out) {
  *out = (float)value;
  return *out > 0 && isfinite(*out) ? EK_OK : ek_cl_decline(b, "its scales give the multiplier %g", value);
}

static void arg_strides(ek_cl_build *b, const ek_spatial *s, bool channels_last) {
  const int64_t c = channels_last ? s->channels : 1, row = s->size[2] * c, plane = s->size[1] * row;
  ek_cl_arg_int4(b, plane, row, c, channels_last ? 1 : s->size[0] * plane);
}

static void arg_three(ek_cl_build *b, const int64_t *v, int64_t fourth) { ek_cl_arg_int4(b, v[0], v[1], v[2], fourth); }

void ek_cl_arg_window(ek_cl_build *b, const ek_cl_geometry *g) {
  arg_three(b, g->in.size, g->in.channels);
  arg_three(b, g->out.size, g->out.channels);
  arg_strides(b, &g->in, g->channels_last);
  arg_strides(b, &g->out, g->channels_last);
  arg_three(b, g->window.kernel, 1);
  arg_three(b, g->window.stride, 0);
  arg_three(b, g->window.dilation, 0);
  arg_three(b, g->window.begin, 0);
}

/* The stride of output dimension i in an operand whose dimensions are aligned at the end. */
static int64_t stride_at(const ek_tensor *t, uint32_t t_rank, const int64_t *strides, uint32_t i, uint32_t rank) {
  const uint32_t missing = rank - t_rank;
  return i < missing || t->dims[i - missing] == 1 ? 0 : strides[i - missing];
}

bool ek_cl_merge_broadcast(const int64_t *dims, uint32_t rank, const ek_tensor *a, uint32_t a_rank,
                           const int64_t *a_strides, const ek_tensor *b, uint32_t b_rank, const int64_t *b_strides,
                           uint32_t room, ek_cl_broadcast *out) {
  int64_t at = (int64_t)room - 1; /* the group being filled, from the innermost */
  bool started = false;
  for (uint32_t i = 0; i < EK_MAX_RANK; i++) {
    out->dims[i] = 1;
    out->a[i] = out->b[i] = 0;
  }
  for (uint32_t i = rank; i-- > 0;) {
    if (dims[i] == 1) continue;
    const int64_t sa = stride_at(a, a_rank, a_strides, i, rank), sb = stride_at(b, b_rank, b_strides, i, rank);
    if (started && sa == out->a[at] * out->dims[at] && sb == out->b[at] * out->dims[at]) {
      out->dims[at] *= dims[i];
      continue;
    }
    at -= started;
    if (at < 0) return false;
    started = true;
    out->dims[at] = dims[i];
    out->a[at] = sa;
    out->b[at] = sb;
  }
  return true;
}

bool ek_cl_has_real_values(const ek_tensor *t) {
  if (!t->is_constant) return false;
  if (t->dtype == EK_F32 || t->dtype == EK_F16) return true;
  return t->quant != NULL && (t->dtype == EK_I8 || t->dtype == EK_I32);
}

static float real_value(const ek_tensor *t, size_t i, size_t inner) {
  switch (t->dtype) {
    case EK_F32: return ((const float *)t->data)[i];
    case EK_F16: return ek_f16_to_f32(((const uint16_t *)t->data)[i]);
    default: break;
  }
  const size_t c = t->quant->count > 1 ? i / inner % t->quant->count : 0;
  const int32_t q = t->dtype == EK_I8 ? ((const int8_t *)t->data)[i] : ((const int32_t *)t->data)[i];
  const int32_t centred = (int32_t)((uint32_t)q - (uint32_t)t->quant->zero_point[c]);
  return (float)centred * t->quant->scale[c];
}

float *ek_cl_real_values(ek_cl_build *b, const ek_tensor *t) {
  const size_t n = (size_t)ek_tensor_elements(t);
  float *values = ek_cl_temporary(b, ek_mul_size(n != 0 ? n : 1, sizeof *values));
  size_t inner = 1;
  if (values == NULL) return NULL;
  for (uint32_t i = t->quant != NULL && t->quant->axis >= 0 ? (uint32_t)t->quant->axis + 1 : t->rank; i < t->rank;
       i++) {
    inner *= (size_t)t->dims[i];
  }
  for (size_t i = 0; i < n; i++) values[i] = real_value(t, i, inner);
  return values;
}
