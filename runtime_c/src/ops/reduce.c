#include "ops/reduce.h"

#include <math.h>
#include <string.h>

#include "base/float16.h"
#include "base/requantize.h"
#include "ops/index.h"

/* Elements that are converted, and totals that are kept, at a time. */
#define EK_REDUCE_CHUNK 64
/* The largest exact int8 sum: 2^23 elements of at most 255 fit an int32. */
#define EK_REDUCE_QUANTIZED_LIMIT (INT64_C(1) << 23)

typedef union wide {
  double f;
  uint64_t u; /* two's complement for signed types */
} wide;

static bool is_float(ek_dtype t) { return t == EK_F32 || t == EK_F16 || t == EK_F64; }
static bool is_unsigned(ek_dtype t) { return t == EK_U8 || t == EK_U16 || t == EK_U32 || t == EK_U64 || t == EK_BOOL; }

/* Bit i is set where dimension i is reduced. */
static ek_status read_axes(ek_op_context *ctx, const ek_reduce *how, uint32_t *mask) {
  const uint32_t rank = ek_input(ctx, 0)->rank;
  *mask = how->axes.count == 0 ? (1u << rank) - 1 : 0;
  for (uint32_t i = 0; i < how->axes.count; i++) {
    uint32_t axis = 0;
    EK_TRY(ek_normalize_axis(ctx, how->axes.data[i], rank, &axis));
    if ((*mask >> axis & 1u) != 0) return ek_op_fail(ctx, EK_ERR_SHAPE, "axis %u stands twice", axis);
    *mask |= 1u << axis;
  }
  return EK_OK;
}

ek_status ek_reduce_shape(ek_op_context *ctx, const ek_reduce *how) {
  const ek_tensor *x = ek_input(ctx, 0);
  int64_t dims[EK_MAX_RANK];
  uint32_t mask = 0, n = 0;
  EK_TRY(read_axes(ctx, how, &mask));
  for (uint32_t i = 0; i < x->rank; i++) {
    const bool gone = (mask >> i & 1u) != 0;
    if (!gone || how->keepdims) dims[n++] = gone ? 1 : x->dims[i];
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), n, dims);
}

static bool is_quantized_sum(const ek_tensor *x, const ek_reduce *how) {
  return x->quant != NULL && (how->kind == EK_REDUCE_SUM || how->kind == EK_REDUCE_MEAN);
}

static int64_t reduced_count(const ek_tensor *x, uint32_t mask) {
  int64_t n = 1;
  for (uint32_t i = 0; i < x->rank; i++) {
    if ((mask >> i & 1u) != 0) n = x->dims[i] != 0 && n > INT64_MAX / x->dims[i] ? INT64_MAX : n * x->dims[i];
  }
  return n;
}

ek_status ek_reduce_prepare(ek_op_context *ctx, const ek_reduce *how) {
  const ek_tensor *x = ek_input(ctx, 0), *y = ek_output(ctx, 0);
  uint32_t mask = 0;
  EK_TRY(read_axes(ctx, how, &mask));
  if (is_quantized_sum(x, how)) {
    if (y->quant == NULL || x->quant->count != 1 || y->quant->count != 1 ||
        (x->dtype != EK_I8 && x->dtype != EK_U8 && x->dtype != EK_I16)) {
      return ek_op_unsupported_type(ctx, x);
    }
    if (reduced_count(x, mask) > (x->dtype == EK_I16 ? EK_REDUCE_QUANTIZED_LIMIT >> 8 : EK_REDUCE_QUANTIZED_LIMIT)) {
      return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "a quantized sum of %lld elements may overflow",
                        (long long)reduced_count(x, mask));
    }
  }
  return EK_OK;
}

/* The tensor as alternating kept and reduced dimensions, neighbours of one kind joined. */
typedef struct reduce_job {
  const ek_tensor *x;
  ek_tensor *y;
  ek_reduce_kind kind;
  uint32_t kept_rank, reduced_rank; /* without the innermost dimension */
  int64_t kept[EK_MAX_RANK], kept_stride[EK_MAX_RANK];
  int64_t reduced[EK_MAX_RANK], reduced_stride[EK_MAX_RANK];
  int64_t inner;      /* size of the innermost dimension, contiguous */
  bool inner_reduced; /* whether it is folded, or its elements are outputs */
  int64_t blocks;     /* chunks of inner, where it is kept */
  int64_t count;      /* elements of one total */
  int64_t rows;       /* product of reduced[] */
  float multiplier;   /* of quantized sums */
  bool quantized;
} reduce_job;

#define EK_LOAD_FLOATS(type, convert) \
  for (int64_t i = 0; i < n; i++) to[i].f = (double)convert(((const type *)data)[at + i])
#define EK_LOAD_INTS(type) \
  for (int64_t i = 0; i < n; i++) to[i].u = (uint64_t)((const type *)data)[at + i]

static void load(wide *to, const void *data, int64_t at, int64_t n, ek_dtype dtype) {
  switch (dtype) {
    case EK_F32: EK_LOAD_FLOATS(float, ); break;
    case EK_F16: EK_LOAD_FLOATS(uint16_t, ek_f16_to_f32); break;
    case EK_F64: EK_LOAD_FLOATS(double, ); break;
    case EK_I8: EK_LOAD_INTS(int8_t); break;
    case EK_I16: EK_LOAD_INTS(int16_t); break;
    case EK_U16: EK_LOAD_INTS(uint16_t); break;
    case EK_I32: EK_LOAD_INTS(int32_t); break;
    case EK_U32: EK_LOAD_INTS(uint32_t); break;
    case EK_I64: EK_LOAD_INTS(int64_t); break;
    case EK_U64: EK_LOAD_INTS(uint64_t); break;
    default: EK_LOAD_INTS(uint8_t); break;
  }
}

static wide start_value(ek_reduce_kind kind, ek_dtype dtype) {
  wide v = {.u = 0};
  const bool f = is_float(dtype);
  if (f)
    v.f = kind == EK_REDUCE_PROD                                   ? 1.0
          : kind == EK_REDUCE_MAX || kind == EK_REDUCE_LOG_SUM_EXP ? -INFINITY
          : kind == EK_REDUCE_MIN                                  ? INFINITY
                                                                   : 0.0;
  if (!f && kind == EK_REDUCE_PROD) v.u = 1;
  if (!f && (kind == EK_REDUCE_MAX || kind == EK_REDUCE_MIN)) {
    const unsigned bits = (unsigned)(8 * ek_dtype_size(dtype));
    const uint64_t top = dtype == EK_BOOL     ? 1
                         : is_unsigned(dtype) ? UINT64_MAX >> (64 - bits)
                                              : UINT64_MAX >> (65 - bits);
    const uint64_t bottom = is_unsigned(dtype) ? 0 : ~top;
    v.u = kind == EK_REDUCE_MAX ? bottom : top;
  }
  return v;
}

#define EK_FOLD(expression)                      \
  for (int64_t i = 0; i < n; i++) {              \
    const double t = total[i].f, v = value[i].f; \
    total[i].f = (expression);                   \
  }
#define EK_FOLD_INT(expression)                    \
  for (int64_t i = 0; i < n; i++) {                \
    const uint64_t t = total[i].u, v = value[i].u; \
    total[i].u = (expression);                     \
  }

/* total[i] takes in value[i]. `shift` holds the largest elements, for the second round of log-sum-exp. */
static void fold(wide *total, const wide *value, int64_t n, ek_reduce_kind kind, ek_dtype dtype, const wide *shift) {
  if (shift != NULL) {
    for (int64_t i = 0; i < n; i++) total[i].f += exp(value[i].f - shift[i].f);
  } else if (is_float(dtype)) {
    switch (kind) {
      case EK_REDUCE_LOG_SUM_EXP:
      case EK_REDUCE_MAX: EK_FOLD(t > v || t != t ? t : v) break;
      case EK_REDUCE_MIN: EK_FOLD(t < v || t != t ? t : v) break;
      case EK_REDUCE_PROD: EK_FOLD(t * v) break;
      case EK_REDUCE_L1: EK_FOLD(t + fabs(v)) break;
      case EK_REDUCE_L2:
      case EK_REDUCE_SUM_SQUARE: EK_FOLD(t + v * v) break;
      default: EK_FOLD(t + v) break;
    }
  } else {
    const uint64_t flip =
        is_unsigned(dtype) ? 0 : UINT64_C(1) << 63; /* makes signed numbers compare as unsigned ones */
    switch (kind) {
      case EK_REDUCE_MAX: EK_FOLD_INT((t ^ flip) > (v ^ flip) ? t : v) break;
      case EK_REDUCE_MIN: EK_FOLD_INT((t ^ flip) < (v ^ flip) ? t : v) break;
      case EK_REDUCE_PROD: EK_FOLD_INT(t * v) break;
      case EK_REDUCE_L1: EK_FOLD_INT(t + (v >> 63 != 0 ? 0 - v : v)) break;
      case EK_REDUCE_SUM_SQUARE: EK_FOLD_INT(t + v * v) break;
      default: EK_FOLD_INT(t + v) break;
    }
  }
}

/* The total of the lanes, pairwise: lane i takes in lane i + width / 2. */
static wide join_lanes(wide *lanes, ek_reduce_kind kind, ek_dtype dtype, bool summing) {
  /* totals are joined by the plain sum, whatever was done to the elements */
  const ek_reduce_kind how = !summing && (kind == EK_REDUCE_MAX || kind == EK_REDUCE_MIN || kind == EK_REDUCE_PROD ||
                                          kind == EK_REDUCE_LOG_SUM_EXP)
                                 ? kind
                                 : EK_REDUCE_SUM;
  for (int64_t half = EK_REDUCE_CHUNK / 2; half > 0; half /= 2) fold(lanes, lanes + half, half, how, dtype, NULL);
  return lanes[0];
}

/* Goes over all reduced positions below one kept position. `n` totals: one if the innermost dimension is folded. */
static void fold_all(const reduce_job *job, int64_t base, int64_t n, wide *total, const wide *shift) {
  const ek_dtype dtype = job->x->dtype;
  int64_t at[EK_MAX_RANK] = {0};
  wide value[EK_REDUCE_CHUNK], lanes[EK_REDUCE_CHUNK], shifts[EK_REDUCE_CHUNK];
  if (job->inner_reduced) {
    for (int64_t i = 0; i < EK_REDUCE_CHUNK; i++) {
      lanes[i] = shift != NULL ? (wide){.f = 0.0} : total[0];
      if (shift != NULL) shifts[i] = shift[0];
    }
  }
  for (int64_t row = 0; row < job->rows; row++) {
    if (job->inner_reduced) {
      for (int64_t i = 0; i < job->inner; i += EK_REDUCE_CHUNK) {
        const int64_t m = job->inner - i < EK_REDUCE_CHUNK ? job->inner - i : EK_REDUCE_CHUNK;
        load(value, job->x->data, base + i, m, dtype);
        fold(lanes, value, m, job->kind, dtype, shift != NULL ? shifts : NULL);
      }
    } else {
      load(value, job->x->data, base, n, dtype);
      fold(total, value, n, job->kind, dtype, shift);
    }
    for (uint32_t d = job->reduced_rank; d-- > 0;) {
      base += job->reduced_stride[d];
      if (++at[d] < job->reduced[d]) break;
      base -= at[d] * job->reduced_stride[d];
      at[d] = 0;
    }
  }
  if (job->inner_reduced) total[0] = join_lanes(lanes, job->kind, dtype, shift != NULL);
}

static int64_t requantized(const reduce_job *job, int64_t sum) {
  const ek_quant *qx = job->x->quant, *qy = job->y->quant;
  const int64_t zp = qy->zero_point[0];
  const int64_t lo = job->x->dtype == EK_I8 ? INT8_MIN : job->x->dtype == EK_U8 ? 0 : INT16_MIN;
  const int64_t hi = job->x->dtype == EK_I8 ? INT8_MAX : job->x->dtype == EK_U8 ? UINT8_MAX : INT16_MAX;
  float v = (float)(int32_t)(sum - job->count * qx->zero_point[0]) * job->multiplier;
  v = v > (float)(lo - zp) ? v : (float)(lo - zp);
  v = v < (float)(hi - zp) ? v : (float)(hi - zp);
  return ek_round_nearest_even(v) + zp;
}

static void store_float(ek_tensor *y, int64_t at, double v) {
  if (y->dtype == EK_F32) ((float *)y->data)[at] = (float)v;
  if (y->dtype == EK_F16) ((uint16_t *)y->data)[at] = ek_f32_to_f16((float)v);
  if (y->dtype == EK_F64) ((double *)y->data)[at] = v;
}

static void store_int(ek_tensor *y, int64_t at, uint64_t v) {
  switch (ek_dtype_size(y->dtype)) {
    case 1: ((uint8_t *)y->data)[at] = (uint8_t)v; break;
    case 2: ((uint16_t *)y->data)[at] = (uint16_t)v; break;
    case 4: ((uint32_t *)y->data)[at] = (uint32_t)v; break;
    default: ((uint64_t *)y->data)[at] = v; break;
  }
}

static uint64_t mean_of(const reduce_job *job, uint64_t total) {
  if (job->count == 0) return 0;
  return is_unsigned(job->x->dtype) ? total / (uint64_t)job->count : (uint64_t)((int64_t)total / job->count);
}

static void finish(const reduce_job *job, int64_t at, int64_t n, const wide *total, const wide *shift) {
  for (int64_t i = 0; i < n; i++) {
    if (!is_float(job->x->dtype)) {
      const uint64_t u = total[i].u;
      store_int(job->y, at + i,
                job->quantized                ? (uint64_t)requantized(job, (int64_t)u)
                : job->kind == EK_REDUCE_MEAN ? mean_of(job, u)
                                              : u);
      continue;
    }
    double v = total[i].f;
    if (job->kind == EK_REDUCE_MEAN) v = job->count != 0 ? v / (double)job->count : NAN;
    if (job->kind == EK_REDUCE_L2) v = sqrt(v);
    if (job->kind == EK_REDUCE_LOG_SUM_EXP) v = log(v) + shift[i].f;
    store_float(job->y, at + i, v);
  }
}

static void reduce_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const reduce_job *job = argument;
  (void)thread;
  for (size_t k = begin; k < end; k++) {
    const int64_t outer = (int64_t)k / job->blocks, column = (int64_t)k % job->blocks * EK_REDUCE_CHUNK;
    const int64_t left = job->inner - column, n = job->inner_reduced       ? 1
                                                  : left < EK_REDUCE_CHUNK ? left
                                                                           : EK_REDUCE_CHUNK;
    int64_t base = column, rest = outer;
    for (uint32_t d = job->kept_rank; d-- > 0;) {
      base += rest % job->kept[d] * job->kept_stride[d];
      rest /= job->kept[d];
    }
    wide total[EK_REDUCE_CHUNK], shift[EK_REDUCE_CHUNK];
    for (int64_t i = 0; i < n; i++) total[i] = start_value(job->kind, job->x->dtype);
    fold_all(job, base, n, total, NULL);
    if (job->kind == EK_REDUCE_LOG_SUM_EXP) {
      for (int64_t i = 0; i < n; i++) { /* infinities would turn into NaN */
        shift[i].f = isfinite(total[i].f) ? total[i].f : 0.0;
        total[i].f = 0.0;
      }
      fold_all(job, base, n, total, shift);
    }
    finish(job, job->inner_reduced ? outer : outer * job->inner + column, n, total, shift);
  }
}

/* Joins neighbouring dimensions of one kind and takes the last group out as the innermost. */
static void make_job(reduce_job *job, uint32_t mask) {
  const ek_tensor *x = job->x;
  int64_t dims[EK_MAX_RANK], strides[EK_MAX_RANK], stride = 1;
  bool reduced[EK_MAX_RANK];
  uint32_t groups = 0;
  for (uint32_t i = x->rank; i-- > 0;) { /* from the inside */
    const bool r = (mask >> i & 1u) != 0;
    if (x->dims[i] != 1) {
      if (groups > 0 && reduced[groups - 1] == r) {
        dims[groups - 1] *= x->dims[i];
      } else {
        dims[groups] = x->dims[i];
        strides[groups] = stride;
        reduced[groups++] = r;
      }
    }
    stride *= x->dims[i];
  }
  job->inner = groups > 0 ? dims[0] : 1;
  job->inner_reduced = groups > 0 ? reduced[0] : true;
  job->rows = job->count = 1;
  for (uint32_t g = groups; g-- > 1;) {
    if (reduced[g]) {
      job->reduced[job->reduced_rank] = dims[g];
      job->reduced_stride[job->reduced_rank++] = strides[g];
      job->rows *= dims[g];
    } else {
      job->kept[job->kept_rank] = dims[g];
      job->kept_stride[job->kept_rank++] = strides[g];
    }
  }
  job->blocks = job->inner_reduced ? 1 : (job->inner + EK_REDUCE_CHUNK - 1) / EK_REDUCE_CHUNK;
  job->count = reduced_count(x, mask);
}

ek_status ek_reduce_run(ek_op_context *ctx, const ek_reduce *how) {
  reduce_job job = {.x = ek_input(ctx, 0), .y = ek_output(ctx, 0), .kind = how->kind};
  uint32_t mask = 0;
  EK_TRY(read_axes(ctx, how, &mask));
  const int64_t outputs = ek_tensor_elements(job.y);
  if (outputs == 0) return EK_OK;
  job.quantized = is_quantized_sum(job.x, how);
  if (ek_tensor_elements(job.x) == 0) { /* totals of nothing */
    job.count = 0;
    for (int64_t i = 0; i < outputs; i++) {
      const wide none = start_value(how->kind, job.x->dtype), zero = {.f = 0.0};
      finish(&job, i, 1, how->kind == EK_REDUCE_LOG_SUM_EXP ? &zero : &none, &zero);
    }
    return EK_OK;
  }
  make_job(&job, mask);
  if (job.quantized) {
    const double over = how->kind == EK_REDUCE_MEAN ? (double)job.count : 1.0;
    job.multiplier = (float)((double)job.x->quant->scale[0] / ((double)job.y->quant->scale[0] * over));
  }
  size_t outer = 1;
  for (uint32_t d = 0; d < job.kept_rank; d++) outer *= (size_t)job.kept[d];
  const size_t work =
      (size_t)job.rows * (size_t)(job.inner_reduced || job.inner < EK_REDUCE_CHUNK ? job.inner : EK_REDUCE_CHUNK);
  ek_parallel_for(ctx->pool, outer * (size_t)job.blocks, 16384 / work + 1, reduce_range, &job);
  return EK_OK;
}
