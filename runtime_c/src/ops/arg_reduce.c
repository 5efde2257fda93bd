#include "ops/arg_reduce.h"

#include "ops/index.h"
#include "ops/order.h"

ek_status ek_arg_reduce_shape(ek_op_context *ctx, const ek_arg_reduce *how) {
  const ek_tensor *x = ek_input(ctx, 0);
  int64_t dims[EK_MAX_RANK];
  uint32_t axis = 0, n = 0;
  EK_TRY(ek_normalize_axis(ctx, how->axis, x->rank, &axis));
  if (x->dims[axis] == 0) return ek_op_fail(ctx, EK_ERR_SHAPE, "dimension %u is empty: no element is the best", axis);
  for (uint32_t i = 0; i < x->rank; i++) {
    if (i != axis || how->keepdims) dims[n++] = i == axis ? 1 : x->dims[i];
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), n, dims);
}

/* Columns that are searched together, so that rows are read in order. */
#define EK_ARG_COLUMNS 64

typedef struct arg_job {
  const ek_tensor *x;
  int64_t *y;
  int64_t n, inner, blocks; /* column blocks of one outer index */
  bool last, largest;
} arg_job;

/* NaN is the best either way, as numpy has it; the smallest come from the reversed order. */
static uint64_t arg_key(const arg_job *job, int64_t i) {
  const uint64_t key = ek_order_key(job->x->data, i, job->x->dtype);
  return job->largest || (key == UINT64_MAX && job->x->dtype != EK_U64 && job->x->dtype != EK_I64) ? key : ~key;
}

static void arg_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const arg_job *job = argument;
  (void)thread;
  for (size_t k = begin; k < end; k++) {
    const int64_t outer = (int64_t)k / job->blocks, column = (int64_t)k % job->blocks * EK_ARG_COLUMNS;
    const int64_t width = job->inner - column < EK_ARG_COLUMNS ? job->inner - column : EK_ARG_COLUMNS;
    const int64_t base = outer * job->n * job->inner + column;
    int64_t *y = job->y + outer * job->inner + column;
    uint64_t best[EK_ARG_COLUMNS];
    for (int64_t c = 0; c < width; c++) {
      best[c] = arg_key(job, base + c);
      y[c] = 0;
    }
    for (int64_t i = 1; i < job->n; i++) {
      for (int64_t c = 0; c < width; c++) {
        const uint64_t key = arg_key(job, base + i * job->inner + c);
        if (key > best[c] || (job->last && key == best[c])) {
          best[c] = key;
          y[c] = i;
        }
      }
    }
  }
}

ek_status ek_arg_reduce_run(ek_op_context *ctx, const ek_arg_reduce *how) {
  const ek_tensor *x = ek_input(ctx, 0);
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, how->axis, x->rank, &axis));
  if (ek_tensor_elements(x) == 0) return EK_OK;
  arg_job job = {x, ek_output(ctx, 0)->data, x->dims[axis], ek_dims_product(x->dims, axis + 1, x->rank),
                 0, how->select_last,        how->largest};
  job.blocks = (job.inner + EK_ARG_COLUMNS - 1) / EK_ARG_COLUMNS;
  const int64_t outer = ek_dims_product(x->dims, 0, axis),
                work = job.n * (job.inner < EK_ARG_COLUMNS ? job.inner : EK_ARG_COLUMNS);
  ek_parallel_for(ctx->pool, (size_t)(outer * job.blocks), (size_t)(16384 / work + 1), arg_range, &job);
  return EK_OK;
}
