/* TopK: the k best elements along an axis, best first. A heap of the k best so far lives in the indices output itself. */
#include "ek_ops_gen.h"
#include "ops/index.h"
#include "ops/order.h"

static ek_status top_k_shape(ek_op_context *ctx) {
  const ek_top_k_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  int64_t dims[EK_MAX_RANK], k = 0;
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  EK_TRY(ek_scalar_int(ctx, ek_input(ctx, 1), 0, &k));
  if (k < 0 || k > x->dims[axis]) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "k is %lld, dimension %u is %lld", (long long)k, axis,
                      (long long)x->dims[axis]);
  }
  memcpy(dims, x->dims, sizeof dims);
  dims[axis] = k;
  for (uint32_t i = 0; i < 2; i++) {
    if (ek_output(ctx, i) != NULL) EK_TRY(ek_set_dims(ctx, ek_output(ctx, i), x->rank, dims));
  }
  return ek_output(ctx, 1) != NULL ? EK_OK : ek_op_fail(ctx, EK_ERR_BAD_MODEL, "TopK needs its second output");
}

typedef struct top_k_job {
  const ek_tensor *x;
  ek_tensor *values, *indices;
  int64_t n, k, inner;
  size_t item;
  uint64_t flip; /* all ones where the smallest are wanted: turns the order around */
} top_k_job;

/* One row: element i lies at base + i * inner, heap entry j at heap[j * inner]. */
typedef struct top_k_row {
  const top_k_job *job;
  const void *data;
  int64_t base;
  int64_t *heap;
} top_k_row;

static bool is_better(const top_k_row *r, int64_t a, int64_t b) {
  const ek_dtype dtype = r->job->x->dtype;
  const uint64_t ka = ek_order_key(r->data, r->base + a * r->job->inner, dtype) ^ r->job->flip;
  const uint64_t kb = ek_order_key(r->data, r->base + b * r->job->inner, dtype) ^ r->job->flip;
  return ka > kb || (ka == kb && a < b);
}

/* Lets `entry` sink from slot `at` of a heap of `count` whose top is the worst. */
static void sink(const top_k_row *r, int64_t at, int64_t count, int64_t entry) {
  const int64_t step = r->job->inner;
  for (;;) {
    int64_t child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && is_better(r, r->heap[child * step], r->heap[(child + 1) * step])) child++;
    if (!is_better(r, entry, r->heap[child * step])) break;
    r->heap[at * step] = r->heap[child * step];
    at = child;
  }
  r->heap[at * step] = entry;
}

static void top_k_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const top_k_job *job = argument;
  const int64_t step = job->inner;
  (void)thread;
  for (size_t row = begin; row < end; row++) {
    const int64_t outer = (int64_t)row / step, column = (int64_t)row % step;
    const top_k_row r = {job, job->x->data, outer * job->n * step + column,
                         (int64_t *)job->indices->data + outer * job->k * step + column};
    for (int64_t i = 0; i < job->k; i++) r.heap[i * step] = i;
    for (int64_t i = job->k / 2; i-- > 0;) sink(&r, i, job->k, r.heap[i * step]);
    for (int64_t i = job->k; i < job->n; i++) {
      if (is_better(&r, i, r.heap[0])) sink(&r, 0, job->k, i);
    }
    for (int64_t i = job->k - 1; i > 0; i--) { /* the worst goes last */
      const int64_t worst = r.heap[0], entry = r.heap[i * step];
      sink(&r, 0, i, entry);
      r.heap[i * step] = worst;
    }
    for (int64_t i = 0; i < job->k && job->values != NULL; i++) {
      ek_copy_item((char *)job->values->data + (size_t)(outer * job->k * step + i * step + column) * job->item,
                   (const char *)r.data + (size_t)(r.base + r.heap[i * step] * step) * job->item, job->item);
    }
  }
}

static ek_status top_k_run(ek_op_context *ctx) {
  const ek_top_k_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  uint32_t axis = 0;
  EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, &axis));
  top_k_job job = {
      x, ek_output(ctx, 0), ek_output(ctx, 1), x->dims[axis], ek_output(ctx, 1)->dims[axis], 0, ek_dtype_size(x->dtype),
      0};
  if (ek_tensor_elements(job.indices) == 0) return EK_OK;
  job.inner = ek_dims_product(x->dims, axis + 1, x->rank);
  job.flip = attrs->largest ? 0 : UINT64_MAX;
  ek_parallel_for(ctx->pool, (size_t)(ek_dims_product(x->dims, 0, axis) * job.inner), (size_t)(4096 / job.n + 1),
                  top_k_range, &job);
  return EK_OK;
}

const ek_op ek_op_top_k = {"TopK", top_k_shape, NULL, NULL, top_k_run};
