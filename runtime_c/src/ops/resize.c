/* Resize: interpolation along any axes.
 *
 * nearest copies. linear and cubic go axis by axis in ascending order. All but the last two resized axes are done for the whole
 * tensor, in float buffers of the scratch; the last two together, one output row at a time: a row is blended from input rows into
 * a buffer of the thread, then its elements are blended along the row. Every product and sum is rounded once, in the order of the
 * taps, so int8 results are the same bits everywhere. */
#include <math.h>
#include <string.h>

#include "base/float16.h"
#include "base/requantize.h"
#include "ops/index.h"
#include "ops/memory.h"
#include "ops/resize_table.h"
#include "ops/strided.h"

typedef struct resize_pass {
  int64_t outer, in, mid, out, inner; /* [outer][in][inner] becomes [outer][out][inner]; mid: see resize_plan */
  int64_t taps, outside;
  int32_t *index;
  float *weight;
} resize_pass;

typedef struct resize_plan {
  uint32_t count; /* resized axes, ascending */
  uint32_t axis[EK_MAX_RANK];
  resize_pass pass[EK_MAX_RANK];
  size_t index_at[EK_MAX_RANK], weight_at[EK_MAX_RANK];    /* in the scratch */
  size_t buffer_at[2], buffer_bytes[2], row_at, row_bytes; /* whole float tensors by turns; rows of the threads */
  size_t scratch_bytes;
} resize_plan;

static ek_status output_dims(ek_op_context *ctx, int64_t *dims) {
  const ek_tensor *x = ek_input(ctx, 0), *sizes = ek_input(ctx, 1), *scales = ek_input(ctx, 2);
  uint32_t n = 0;
  if (sizes != NULL) {
    EK_TRY(ek_read_ints(ctx, sizes, dims, EK_MAX_RANK, &n));
    return n == x->rank ? EK_OK : ek_op_fail(ctx, EK_ERR_SHAPE, "%u sizes for a tensor of rank %u", n, x->rank);
  }
  if (scales == NULL) return ek_op_fail(ctx, EK_ERR_SHAPE, "sizes or scales are needed");
  if (!ek_tensor_has_data(scales)) return EK_SHAPE_NOT_YET;
  for (uint32_t i = 0; i < x->rank; i++) {
    const float size = floorf((float)x->dims[i] * ((const float *)scales->data)[i]);
    if (!(size >= 0.0f && size < 1e15f))
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u is scaled to %g", i, (double)size);
    dims[i] = (int64_t)size;
  }
  return EK_OK;
}

static ek_status resize_shape(ek_op_context *ctx) {
  const ek_resize_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *scales = ek_input(ctx, 2), *roi = ek_input(ctx, 3);
  int64_t dims[EK_MAX_RANK];
  if (attrs->mode > EK_RESIZE_MODE_CUBIC || attrs->coordinate_mode > EK_RESIZE_COORDINATE_MODE_TF_CROP_AND_RESIZE ||
      attrs->nearest_mode > EK_RESIZE_NEAREST_MODE_CEIL) {
    return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "a mode is unknown");
  }
  if ((scales != NULL && ek_tensor_elements(scales) != (int64_t)x->rank) ||
      (roi != NULL && ek_tensor_elements(roi) != 2 * (int64_t)x->rank) ||
      (roi == NULL && attrs->coordinate_mode == EK_RESIZE_COORDINATE_MODE_TF_CROP_AND_RESIZE)) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "scales and roi do not fit a tensor of rank %u", x->rank);
  }
  EK_TRY(output_dims(ctx, dims));
  for (uint32_t i = 0; i < x->rank; i++) {
    if (x->dims[i] > INT32_MAX || dims[i] > INT32_MAX || (x->dims[i] == 0 && dims[i] != 0)) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u cannot go from %lld to %lld", i, (long long)x->dims[i],
                        (long long)dims[i]);
    }
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), x->rank, dims);
}

static bool is_interpolated(const ek_resize_attrs *attrs) { return attrs->mode != EK_RESIZE_MODE_NEAREST; }

/* What the axis is asked for. Scale and roi stay at their defaults where their data is not there yet: only their number of taps
 * matters then, and that is bounded separately. */
static ek_resize_axis axis_of(const ek_op_context *ctx, uint32_t i) {
  const ek_tensor *x = ek_input(ctx, 0), *scales = ek_input(ctx, 2), *roi = ek_input(ctx, 3);
  ek_resize_axis a = {x->dims[i], ek_output(ctx, 0)->dims[i], 0.0, 0.0, 1.0};
  if (scales != NULL && scales->data != NULL) a.scale = ek_resize_scale(a.in, a.out, ((const float *)scales->data)[i]);
  if (roi != NULL && roi->data != NULL) {
    a.roi_start = (double)((const float *)roi->data)[i];
    a.roi_end = (double)((const float *)roi->data)[i + x->rank];
  }
  return a;
}

/* Lays out the scratch for the present dims. */
static ek_status make_plan(ek_op_context *ctx, resize_plan *p) {
  const ek_resize_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *y = ek_output(ctx, 0);
  memset(p, 0, sizeof *p);
  for (uint32_t i = 0; i < x->rank; i++) {
    const ek_resize_axis a = axis_of(ctx, i);
    if (a.scale < 0.0 || a.scale != a.scale)
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the scale of axis %u is not positive", i);
    /* of a dynamic tensor these are the bounds: an axis whose bounds agree is taken to keep its size, and `run` checks the scratch */
    const bool same = a.in == a.out && (a.scale == 0.0 || a.scale == 1.0);
    if (same && attrs->coordinate_mode != EK_RESIZE_COORDINATE_MODE_TF_CROP_AND_RESIZE) continue;
    resize_pass *pass = &p->pass[p->count];
    p->axis[p->count] = i;
    pass->in = a.in;
    pass->out = a.out;
    pass->taps = ek_resize_taps(attrs, &a);
    if (pass->taps == 0) return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "axis %u shrinks too much for antialias", i);
    p->index_at[p->count] = ek_place(&p->scratch_bytes, ek_mul_size((size_t)(pass->out * pass->taps), sizeof(int32_t)));
    if (is_interpolated(attrs)) {
      p->weight_at[p->count] =
          ek_place(&p->scratch_bytes, ek_mul_size((size_t)(pass->out * pass->taps), sizeof(float)));
    }
    p->count++;
  }
  for (uint32_t k = 0; k < p->count; k++) {
    resize_pass *pass = &p->pass[k];
    pass->outer = ek_dims_product(y->dims, 0, p->axis[k]); /* earlier axes are done already */
    pass->inner = ek_dims_product(x->dims, p->axis[k] + 1, x->rank);
    pass->mid = k + 1 < p->count ? ek_dims_product(x->dims, p->axis[k] + 1, p->axis[k + 1]) : 1;
    if (k + 2 < p->count && is_interpolated(attrs)) {
      const size_t bytes = ek_mul_size(
          ek_mul_size(ek_mul_size((size_t)pass->outer, (size_t)pass->out), (size_t)pass->inner), sizeof(float));
      if (bytes > p->buffer_bytes[k % 2]) p->buffer_bytes[k % 2] = bytes;
    }
  }
  if (is_interpolated(attrs) && p->count > 0) {
    for (uint32_t i = 0; i < 2; i++) p->buffer_at[i] = ek_place(&p->scratch_bytes, p->buffer_bytes[i]);
    const resize_pass *last = &p->pass[p->count - 1], *before = p->count > 1 ? &p->pass[p->count - 2] : NULL;
    const size_t row = before != NULL ? (size_t)before->inner : ek_mul_size((size_t)last->in, (size_t)last->inner);
    p->row_bytes = ek_align_size(ek_mul_size(row, sizeof(float)));
    p->row_at = ek_place(&p->scratch_bytes, ek_mul_size(p->row_bytes, ctx->threads));
  }
  return EK_OK;
}

static ek_status resize_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_resize_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  resize_plan plan;
  if (is_interpolated(attrs) && x->dtype != EK_F32 && x->dtype != EK_F16 && x->dtype != EK_I8 && x->dtype != EK_U8) {
    return ek_op_unsupported_type(ctx, x);
  }
  EK_TRY(make_plan(ctx, &plan));
  if (plan.scratch_bytes == SIZE_MAX) return ek_op_fail(ctx, EK_ERR_SHAPE, "the tensors are too large");
  memory->scratch_bytes = plan.scratch_bytes;
  return EK_OK;
}

/* row[i] = w * x[i], or row[i] + w * x[i] */
#define EK_BLEND(type, convert)                                                                      \
  if (first) {                                                                                       \
    for (int64_t i = 0; i < n; i++) row[i] = (float)convert(((const type *)x)[at + i]) * w;          \
  } else {                                                                                           \
    for (int64_t i = 0; i < n; i++) row[i] = row[i] + (float)convert(((const type *)x)[at + i]) * w; \
  }

static void blend_row(float *row, const void *x, int64_t at, int64_t n, float w, bool first, ek_dtype dtype) {
  switch (dtype) {
    case EK_F32: EK_BLEND(float, ) break;
    case EK_F16: EK_BLEND(uint16_t, ek_f16_to_f32) break;
    case EK_I8: EK_BLEND(int8_t, ) break;
    default: EK_BLEND(uint8_t, ) break;
  }
}

static void store_row(void *y, int64_t at, const float *row, int64_t n, ek_dtype dtype) {
  const float lo = dtype == EK_I8 ? -128.0f : 0.0f, hi = dtype == EK_I8 ? 127.0f : 255.0f;
  switch (dtype) {
    case EK_F32: memcpy((float *)y + at, row, (size_t)n * sizeof *row); break;
    case EK_F16:
      for (int64_t i = 0; i < n; i++) ((uint16_t *)y)[at + i] = ek_f32_to_f16(row[i]);
      break;
    default:
      for (int64_t i = 0; i < n; i++) {
        const float v = row[i] > lo ? row[i] : lo;
        ((uint8_t *)y)[at + i] = (uint8_t)ek_round_nearest_even(v < hi ? v : hi);
      }
      break;
  }
}

typedef struct resize_job {
  const resize_plan *plan;
  const resize_pass *rows, *columns; /* rows NULL: only one axis is resized */
  const void *x;
  void *y;
  ek_dtype from, to;
  char *scratch;
} resize_job;

/* One axis of a whole tensor, into a float buffer. */
static void whole_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const resize_job *job = argument;
  const resize_pass *p = job->rows;
  (void)thread;
  for (size_t k = begin; k < end; k++) {
    const int64_t outer = (int64_t)k / p->out, i = (int64_t)k % p->out;
    for (int64_t t = 0; t < p->taps; t++) {
      const int32_t from = p->index[i * p->taps + t];
      blend_row((float *)job->y + (int64_t)k * p->inner, job->x, (outer * p->in + (from < 0 ? 0 : from)) * p->inner,
                p->inner, p->weight[i * p->taps + t], t == 0, job->from);
    }
  }
}

/* Elements of a finished row at a time. */
#define EK_RESIZE_BLOCK 64

/* Blends along the row: [mid][in][inner] in `row` becomes [mid][out][inner] of the output. */
static void blend_columns(const resize_job *job, const float *row, int64_t at, int64_t mid) {
  const resize_pass *p = job->columns;
  float block[EK_RESIZE_BLOCK];
  for (int64_t m = 0; m < mid; m++, row += p->in * p->inner, at += p->out * p->inner) {
    if (p->inner == 1) {
      for (int64_t i = 0; i < p->out; i += EK_RESIZE_BLOCK) {
        const int64_t n = p->out - i < EK_RESIZE_BLOCK ? p->out - i : EK_RESIZE_BLOCK;
        for (int64_t j = 0; j < n; j++) {
          const int32_t *index = p->index + (i + j) * p->taps;
          const float *weight = p->weight + (i + j) * p->taps;
          float total = row[index[0] < 0 ? 0 : index[0]] * weight[0];
          for (int64_t t = 1; t < p->taps; t++) total = total + row[index[t]] * weight[t];
          block[j] = total;
        }
        store_row(job->y, at + i, block, n, job->to);
      }
      continue;
    }
    for (int64_t i = 0; i < p->out; i++) {
      for (int64_t c = 0; c < p->inner; c += EK_RESIZE_BLOCK) {
        const int64_t n = p->inner - c < EK_RESIZE_BLOCK ? p->inner - c : EK_RESIZE_BLOCK;
        for (int64_t t = 0; t < p->taps; t++) {
          const int32_t from = p->index[i * p->taps + t];
          blend_row(block, row, (from < 0 ? 0 : from) * p->inner + c, n, p->weight[i * p->taps + t], t == 0, EK_F32);
        }
        store_row(job->y, at + i * p->inner + c, block, n, job->to);
      }
    }
  }
}

/* The last two axes, or the only one. */
static void last_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const resize_job *job = argument;
  const resize_pass *r = job->rows, *c = job->columns;
  float *row = (float *)(job->scratch + job->plan->row_at + (size_t)thread * job->plan->row_bytes);
  for (size_t k = begin; k < end; k++) {
    if (r == NULL) {
      const int64_t n = c->in * c->inner;
      blend_row(row, job->x, (int64_t)k * n, n, 1.0f, true, job->from);
      blend_columns(job, row, (int64_t)k * c->out * c->inner, 1);
      continue;
    }
    const int64_t outer = (int64_t)k / r->out, i = (int64_t)k % r->out;
    for (int64_t t = 0; t < r->taps; t++) {
      const int32_t from = r->index[i * r->taps + t];
      blend_row(row, job->x, (outer * r->in + (from < 0 ? 0 : from)) * r->inner, r->inner, r->weight[i * r->taps + t],
                t == 0, job->from);
    }
    blend_columns(job, row, (int64_t)k * r->mid * c->out * c->inner, r->mid);
  }
}

static void interpolate(ek_op_context *ctx, resize_plan *p) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  resize_job job = {.plan = p, .x = x->data, .from = x->dtype, .to = y->dtype, .scratch = ctx->scratch};
  for (uint32_t k = 0; k + 2 < p->count; k++) {
    const resize_pass *pass = job.rows = &p->pass[k];
    job.y = job.scratch + p->buffer_at[k % 2];
    ek_parallel_for(ctx->pool, (size_t)(pass->outer * pass->out), (size_t)(16384 / (pass->inner * pass->taps) + 1),
                    whole_range, &job);
    job.x = job.y;
    job.from = EK_F32;
  }
  job.columns = &p->pass[p->count - 1];
  job.rows = p->count > 1 ? &p->pass[p->count - 2] : NULL;
  job.y = y->data;
  const size_t rows = (size_t)(job.rows != NULL ? job.rows->outer * job.rows->out : job.columns->outer);
  const int64_t work = (job.rows != NULL ? job.rows->mid : 1) * job.columns->out * job.columns->inner;
  ek_parallel_for(ctx->pool, rows, (size_t)(16384 / work + 1), last_range, &job);
}

typedef struct nearest_job {
  const resize_plan *plan;
  const ek_tensor *x;
  ek_tensor *y;
  int64_t strides[EK_MAX_RANK]; /* of x, bytes */
  size_t run;                   /* bytes below the last resized axis */
} nearest_job;

static void nearest_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const nearest_job *job = argument;
  const resize_pass *last = &job->plan->pass[job->plan->count - 1];
  const uint32_t axis = job->plan->axis[job->plan->count - 1];
  (void)thread;
  for (size_t k = begin; k < end; k++) {
    size_t rest = k;
    const char *src = job->x->data;
    uint32_t pass = job->plan->count - 1;
    for (uint32_t d = axis; d-- > 0;) {
      int64_t i = (int64_t)(rest % (size_t)job->y->dims[d]);
      rest /= (size_t)job->y->dims[d];
      if (pass > 0 && job->plan->axis[pass - 1] == d) i = job->plan->pass[--pass].index[i];
      src += (i < 0 ? 0 : i) * job->strides[d];
    }
    char *dst = (char *)job->y->data + k * (size_t)last->out * job->run;
    for (int64_t i = 0; i < last->out; i++) {
      ek_copy_item(dst + (size_t)i * job->run, src + (size_t)(last->index[i] < 0 ? 0 : last->index[i]) * job->run,
                   job->run);
    }
  }
}

static void copy_nearest(ek_op_context *ctx, const resize_plan *p) {
  const uint32_t axis = p->axis[p->count - 1];
  nearest_job job = {.plan = p, .x = ek_input(ctx, 0), .y = ek_output(ctx, 0)};
  const size_t item = ek_dtype_size(job.x->dtype);
  ek_row_major_strides(job.x->rank, job.x->dims, item, job.strides);
  job.run = (size_t)ek_dims_product(job.x->dims, axis + 1, job.x->rank) * item;
  const size_t rows = (size_t)ek_dims_product(job.y->dims, 0, axis), bytes = (size_t)job.y->dims[axis] * job.run;
  ek_parallel_for(ctx->pool, rows, 32768 / bytes + 1, nearest_range, &job);
}

/* The extrapolation value as an element of the output. */
static void extrapolation_value(const ek_op_context *ctx, uint64_t *bits) {
  const ek_resize_attrs *attrs = ctx->attrs;
  const ek_tensor *y = ek_output(ctx, 0), *x = ek_input(ctx, 0);
  const float v = attrs->extrapolation_value;
  const double d = (double)v;
  const uint16_t half = ek_f32_to_f16(v);
  int64_t whole = v > -9e18f && v < 9e18f ? (int64_t)v : 0;
  if (x->quant != NULL && (y->dtype == EK_I8 || y->dtype == EK_U8)) {
    const float zp = (float)x->quant->zero_point[0], lo = (y->dtype == EK_I8 ? -128.0f : 0.0f) - zp,
                hi = (y->dtype == EK_I8 ? 127.0f : 255.0f) - zp;
    const float q = v / x->quant->scale[0];
    whole = ek_round_nearest_even(q > lo ? q < hi ? q : hi : lo) + x->quant->zero_point[0];
  }
  *bits = 0;
  if (y->dtype == EK_F32)
    memcpy(bits, &v, sizeof v);
  else if (y->dtype == EK_F64)
    memcpy(bits, &d, sizeof d);
  else if (y->dtype == EK_F16)
    memcpy(bits, &half, sizeof half);
  else if (y->dtype == EK_BOOL)
    *(uint8_t *)bits = v != 0.0f;
  else {
    const int8_t i8 = (int8_t)whole;
    const int16_t i16 = (int16_t)whole;
    const int32_t i32 = (int32_t)whole;
    const size_t item = ek_dtype_size(y->dtype);
    memcpy(bits,
           item == 1   ? (const void *)&i8
           : item == 2 ? (const void *)&i16
           : item == 4 ? (const void *)&i32
                       : (const void *)&whole,
           item);
  }
}

/* Outputs whose position lies outside the input take the extrapolation value. */
static void fill_outside(ek_op_context *ctx, const resize_plan *p) {
  ek_tensor *y = ek_output(ctx, 0);
  const size_t item = ek_dtype_size(y->dtype);
  uint64_t value = 0;
  extrapolation_value(ctx, &value);
  for (uint32_t k = 0; k < p->count; k++) {
    const resize_pass *pass = &p->pass[k];
    const int64_t outer = ek_dims_product(y->dims, 0, p->axis[k]),
                  inner = ek_dims_product(y->dims, p->axis[k] + 1, y->rank);
    for (int64_t o = 0; o < outer && pass->outside > 0; o++) {
      for (int64_t i = 0; i < pass->out; i++) {
        if (pass->index[i * pass->taps] < 0)
          ek_fill_elements((char *)y->data + (size_t)((o * pass->out + i) * inner) * item, &value, item, (size_t)inner);
      }
    }
  }
}

static ek_status resize_run(ek_op_context *ctx) {
  const ek_resize_attrs *attrs = ctx->attrs;
  resize_plan plan;
  EK_TRY(make_plan(ctx, &plan));
  if (plan.scratch_bytes > ctx->scratch_bytes) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "resizing needs more scratch memory than was planned for");
  }
  if (plan.count == 0) {
    ek_copy_bytes(ctx, ek_output(ctx, 0)->data, ek_input(ctx, 0)->data, ek_tensor_bytes(ek_input(ctx, 0)));
    return EK_OK;
  }
  int64_t outside = 0;
  for (uint32_t k = 0; k < plan.count; k++) {
    resize_pass *pass = &plan.pass[k];
    const ek_resize_axis a = axis_of(ctx, plan.axis[k]);
    pass->index = (int32_t *)((char *)ctx->scratch + plan.index_at[k]);
    pass->weight = (float *)((char *)ctx->scratch + plan.weight_at[k]);
    pass->outside = ek_resize_make_table(attrs, &a, pass->taps, pass->index, pass->weight);
    outside += pass->outside;
  }
  if (is_interpolated(attrs)) {
    interpolate(ctx, &plan);
  } else {
    copy_nearest(ctx, &plan);
  }
  if (outside > 0) fill_outside(ctx, &plan);
  return EK_OK;
}

const ek_op ek_op_resize = {"Resize", resize_shape, resize_prepare, NULL, resize_run};
