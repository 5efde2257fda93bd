/* CumSum: running sums along an axis, floats in double precision. */
#include "base/float16.h"
#include "ek_ops_gen.h"
#include "ops/index.h"

static ek_status read_axis(ek_op_context *ctx, uint32_t *axis) {
  int64_t value = 0;
  EK_TRY(ek_scalar_int(ctx, ek_input(ctx, 1), 0, &value));
  return ek_normalize_axis(ctx, value, ek_input(ctx, 0)->rank, axis);
}

static ek_status cum_sum_shape(ek_op_context *ctx) {
  if (ek_input(ctx, 0)->rank == 0 || ek_tensor_elements(ek_input(ctx, 1)) != 1) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a tensor of rank 1 or more and one axis are needed");
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0));
}

typedef struct cum_sum_job {
  const ek_tensor *x;
  ek_tensor *y;
  int64_t n, inner;
  bool exclusive, reverse;
} cum_sum_job;

#define EK_RUNNING_SUM(type, total_type, from, to)                                 \
  {                                                                                \
    total_type total = 0;                                                          \
    for (int64_t i = 0; i < job->n; i++, at += step) {                             \
      const total_type value = (total_type)from(((const type *)job->x->data)[at]); \
      if (!job->exclusive) total += value;                                         \
      ((type *)job->y->data)[at] = (type)to(total);                                \
      if (job->exclusive) total += value;                                          \
    }                                                                              \
    break;                                                                         \
  }

static uint16_t half_of(double v) { return ek_f32_to_f16((float)v); }

static void cum_sum_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const cum_sum_job *job = argument;
  (void)thread;
  for (size_t k = begin; k < end; k++) {
    const int64_t first = (int64_t)k / job->inner * job->n * job->inner + (int64_t)k % job->inner;
    int64_t at = job->reverse ? first + (job->n - 1) * job->inner : first;
    const int64_t step = job->reverse ? -job->inner : job->inner;
    switch (job->x->dtype) {
      case EK_F32: EK_RUNNING_SUM(float, double, , )
      case EK_F64: EK_RUNNING_SUM(double, double, , )
      case EK_F16: EK_RUNNING_SUM(uint16_t, double, ek_f16_to_f32, half_of)
      case EK_I32:
      case EK_U32: EK_RUNNING_SUM(uint32_t, uint32_t, , )
      default: EK_RUNNING_SUM(uint64_t, uint64_t, , )
    }
  }
}

static ek_status cum_sum_run(ek_op_context *ctx) {
  const ek_cum_sum_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  uint32_t axis = 0;
  EK_TRY(read_axis(ctx, &axis));
  if (ek_tensor_elements(x) == 0) return EK_OK;
  cum_sum_job job = {x,
                     ek_output(ctx, 0),
                     x->dims[axis],
                     ek_dims_product(x->dims, axis + 1, x->rank),
                     attrs->exclusive,
                     attrs->reverse};
  const size_t lines = (size_t)(ek_dims_product(x->dims, 0, axis) * job.inner);
  ek_parallel_for(ctx->pool, lines, (size_t)(16384 / job.n + 1), cum_sum_range, &job);
  return EK_OK;
}

const ek_op ek_op_cum_sum = {"CumSum", cum_sum_shape, NULL, NULL, cum_sum_run};
