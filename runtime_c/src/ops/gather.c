/* Gather: entries of one axis by index. */
#include "ek_ops_gen.h"
#include "ops/index.h"

static ek_status gather_shape(ek_op_context *ctx) {
  const ek_gather_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1);
  int64_t dims[2 * EK_MAX_RANK];
  uint32_t axis = 0, n = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  for (uint32_t i = 0; i < axis; i++) dims[n++] = x->dims[i];
  for (uint32_t i = 0; i < indices->rank; i++) dims[n++] = indices->dims[i];
  for (uint32_t i = axis + 1; i < x->rank; i++) dims[n++] = x->dims[i];
  return ek_set_dims(ctx, ek_output(ctx, 0), n, dims);
}

typedef struct gather_job {
  const ek_tensor *indices;
  const char *x;
  char *y;
  int64_t count, dim; /* indices, entries of the axis */
  size_t run;         /* bytes of one entry */
} gather_job;

static void gather_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const gather_job *job = argument;
  (void)thread;
  for (size_t k = begin; k < end; k++) {
    const int64_t outer = (int64_t)k / job->count, at = ek_index_at(job->indices, (int64_t)k % job->count);
    ek_copy_item(job->y + k * job->run, job->x + (size_t)(outer * job->dim + (at < 0 ? at + job->dim : at)) * job->run,
                 job->run);
  }
}

static ek_status gather_run(ek_op_context *ctx) {
  const ek_gather_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *indices = ek_input(ctx, 1);
  ek_tensor *y = ek_output(ctx, 0);
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  gather_job job = {indices, x->data, y->data, ek_tensor_elements(indices), x->dims[axis], 0};
  EK_TRY(ek_check_indices(ctx, indices, 0, 1, job.count, job.dim));
  if (ek_tensor_elements(y) == 0) return EK_OK;
  job.run = (size_t)ek_dims_product(x->dims, axis + 1, x->rank) * ek_dtype_size(x->dtype);
  const size_t outer = (size_t)ek_dims_product(x->dims, 0, axis);
  ek_parallel_for(ctx->pool, outer * (size_t)job.count, 65536 / job.run + 1, gather_range, &job);
  return EK_OK;
}

const ek_op ek_op_gather = {"Gather", gather_shape, NULL, NULL, gather_run};
