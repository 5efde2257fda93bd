/* Pad: elements before and after along each axis; negative amounts cut off. */
#include <string.h>

#include "ek_ops_gen.h"
#include "ops/index.h"
#include "ops/strided.h"

typedef struct pad_amounts {
  int64_t before[EK_MAX_RANK], after[EK_MAX_RANK];
} pad_amounts;

static ek_status read_amounts(ek_op_context *ctx, pad_amounts *p) {
  const ek_tensor *x = ek_input(ctx, 0), *axes = ek_input(ctx, 3);
  int64_t pads[2 * EK_MAX_RANK], on[EK_MAX_RANK];
  uint32_t count = 0, n = x->rank, seen = 0;
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 1), pads, 2 * EK_MAX_RANK, &count));
  if (axes != NULL) EK_TRY(ek_read_ints(ctx, axes, on, EK_MAX_RANK, &n));
  if (count != 2 * n) return ek_op_fail(ctx, EK_ERR_SHAPE, "%u pads for %u axes; two for each are needed", count, n);
  memset(p, 0, sizeof *p);
  for (uint32_t k = 0; k < n; k++) {
    uint32_t a = 0;
    EK_TRY(ek_normalize_axis(ctx, axes != NULL ? on[k] : (int64_t)k, x->rank, &a));
    if ((seen >> a & 1u) != 0) return ek_op_fail(ctx, EK_ERR_SHAPE, "axis %u stands twice", a);
    seen |= 1u << a;
    p->before[a] = pads[k];
    p->after[a] = pads[n + k];
  }
  return EK_OK;
}

/* What is left of a dimension after cutting. */
static int64_t kept(int64_t dim, int64_t before, int64_t after) {
  return dim + (before < 0 ? before : 0) + (after < 0 ? after : 0);
}

static ek_status pad_shape(ek_op_context *ctx) {
  const ek_pad_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *value = ek_input(ctx, 2);
  const int64_t limit = INT64_C(1) << 40;
  int64_t dims[EK_MAX_RANK];
  pad_amounts p;
  EK_TRY(read_amounts(ctx, &p));
  if (value != NULL && ek_tensor_elements(value) != 1)
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the value to pad with must be one element");
  if (attrs->mode > EK_PAD_MODE_WRAP) return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "mode %u is unknown", attrs->mode);
  for (uint32_t i = 0; i < x->rank; i++) {
    const int64_t b = p.before[i], e = p.after[i];
    if (b < -limit || b > limit || e < -limit || e > limit || x->dims[i] > limit) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u is padded by %lld and %lld", i, (long long)b, (long long)e);
    }
    const int64_t left = kept(x->dims[i], b, e);
    if (left < 0 || (left == 0 && attrs->mode != EK_PAD_MODE_CONSTANT && (b > 0 || e > 0))) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "nothing is left of dimension %u to repeat", i);
    }
    dims[i] = x->dims[i] + b + e;
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), x->rank, dims);
}

static ek_status pad_constant(ek_op_context *ctx, const pad_amounts *p) {
  const ek_tensor *x = ek_input(ctx, 0), *value = ek_input(ctx, 2);
  ek_tensor *y = ek_output(ctx, 0);
  const size_t item = ek_dtype_size(x->dtype);
  uint64_t fill = 0;
  if (value != NULL) {
    memcpy(&fill, value->data, item);
  } else if (x->quant != NULL) { /* real zero */
    const int8_t zp8 = (int8_t)x->quant->zero_point[0];
    const int16_t zp16 = (int16_t)x->quant->zero_point[0];
    memcpy(&fill,
           item == 1   ? (const void *)&zp8
           : item == 2 ? (const void *)&zp16
                       : (const void *)x->quant->zero_point,
           item < 4 ? item : 4);
  }
  ek_fill_elements(y->data, &fill, item, (size_t)ek_tensor_elements(y));
  if (ek_tensor_elements(x) == 0) return EK_OK;
  int64_t xs[EK_MAX_RANK];
  ek_strided plan = {.rank = x->rank, .item = item};
  const char *from = x->data;
  char *to = y->data;
  ek_row_major_strides(x->rank, x->dims, item, xs);
  ek_row_major_strides(y->rank, y->dims, item, plan.dst);
  for (uint32_t i = 0; i < x->rank; i++) {
    plan.dims[i] = kept(x->dims[i], p->before[i], p->after[i]);
    plan.src[i] = xs[i];
    from += p->before[i] < 0 ? -p->before[i] * xs[i] : 0;
    to += p->before[i] > 0 ? p->before[i] * plan.dst[i] : 0;
    if (plan.dims[i] == 0) return EK_OK;
  }
  ek_copy_strided(ctx, plan, to, from);
  return EK_OK;
}

/* The position in [0, n) that position `at` (maybe outside) repeats. */
static int64_t repeated(int64_t at, int64_t n, uint8_t mode) {
  if (mode == EK_PAD_MODE_EDGE) return at < 0 ? 0 : at >= n ? n - 1 : at;
  if (mode == EK_PAD_MODE_WRAP) return (at % n + n) % n;
  const int64_t period = 2 * (n - 1);
  if (period == 0) return 0;
  at = (at % period + period) % period;
  return at < n ? at : period - at;
}

typedef struct pad_job {
  const ek_tensor *x;
  ek_tensor *y;
  pad_amounts amounts;
  int64_t strides[EK_MAX_RANK]; /* of x, elements */
  uint32_t last;                /* the last padded dimension; what follows is one run */
  size_t run;                   /* bytes of it */
  uint8_t mode;
} pad_job;

/* Source position along dimension d of output position i. */
static int64_t pad_source(const pad_job *job, uint32_t d, int64_t i) {
  const int64_t b = job->amounts.before[d], e = job->amounts.after[d];
  return repeated(i - (b > 0 ? b : 0), kept(job->x->dims[d], b, e), job->mode) + (b < 0 ? -b : 0);
}

static void pad_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const pad_job *job = argument;
  const int64_t row = job->y->dims[job->last];
  const size_t item = ek_dtype_size(job->x->dtype);
  (void)thread;
  for (size_t k = begin; k < end; k++) {
    size_t rest = k;
    int64_t from = 0;
    for (uint32_t d = job->last; d-- > 0;) {
      from += pad_source(job, d, (int64_t)(rest % (size_t)job->y->dims[d])) * job->strides[d];
      rest /= (size_t)job->y->dims[d];
    }
    const char *src = (const char *)job->x->data + (size_t)from * item;
    char *dst = (char *)job->y->data + k * (size_t)row * job->run;
    const int64_t b = job->amounts.before[job->last], e = job->amounts.after[job->last];
    const int64_t left = b > 0 ? b : 0, middle = kept(job->x->dims[job->last], b, e);
    for (int64_t i = 0; i < left; i++) {
      ek_copy_item(dst + (size_t)i * job->run, src + (size_t)pad_source(job, job->last, i) * job->run, job->run);
    }
    memcpy(dst + (size_t)left * job->run, src + (size_t)(b < 0 ? -b : 0) * job->run, (size_t)middle * job->run);
    for (int64_t i = left + middle; i < row; i++) {
      ek_copy_item(dst + (size_t)i * job->run, src + (size_t)pad_source(job, job->last, i) * job->run, job->run);
    }
  }
}

static ek_status pad_run(ek_op_context *ctx) {
  const ek_pad_attrs *attrs = ctx->attrs;
  pad_job job = {.x = ek_input(ctx, 0), .y = ek_output(ctx, 0), .mode = attrs->mode};
  EK_TRY(read_amounts(ctx, &job.amounts));
  if (ek_tensor_elements(job.y) == 0) return EK_OK;
  if (attrs->mode == EK_PAD_MODE_CONSTANT) return pad_constant(ctx, &job.amounts);
  if (job.x->rank == 0) {
    ek_copy_bytes(ctx, job.y->data, job.x->data, ek_dtype_size(job.x->dtype));
    return EK_OK;
  }
  ek_row_major_strides(job.x->rank, job.x->dims, 1, job.strides);
  for (uint32_t d = 0; d < job.x->rank; d++) {
    if (job.amounts.before[d] != 0 || job.amounts.after[d] != 0) job.last = d;
  }
  job.run = (size_t)job.strides[job.last] * ek_dtype_size(job.x->dtype);
  const size_t rows = (size_t)ek_dims_product(job.y->dims, 0, job.last);
  const size_t bytes = (size_t)job.y->dims[job.last] * job.run;
  ek_parallel_for(ctx->pool, rows, 65536 / (bytes + 1) + 1, pad_range, &job);
  return EK_OK;
}

const ek_op ek_op_pad = {"Pad", pad_shape, NULL, NULL, pad_run};
