#include "ops/elementwise/broadcast.h"

#include <string.h>

#define EK_ROW_CHUNK 8192u /* elements of a row that one index of the parallel loop stands for */
#define EK_GRAIN 16384u    /* elements worth waking a thread for */

void ek_broadcast_plan(ek_broadcast *plan, const ek_tensor *y, const ek_tensor *const *operands, uint32_t count) {
  size_t size[EK_MAX_RANK], stride[EK_BROADCAST_MAX][EK_MAX_RANK]; /* merged dimensions, fastest first */
  size_t next[EK_BROADCAST_MAX]; /* elements of an operand inside the current dimension */
  uint32_t merged = 0;
  for (uint32_t k = 0; k < count; k++) next[k] = 1;
  for (uint32_t d = y->rank; d-- > 0;) {
    const size_t n = (size_t)y->dims[d];
    if (n == 1) {
      continue;
    }
    size_t along[EK_BROADCAST_MAX];
    bool same = merged > 0;
    for (uint32_t k = 0; k < count; k++) {
      const ek_tensor *t = operands[k];
      const bool repeated = d + t->rank < y->rank || t->dims[d + t->rank - y->rank] == 1;
      along[k] = repeated ? 0 : next[k];
      if (!repeated) next[k] *= n;
      same = same && (stride[k][merged - 1] == 0) == repeated;
    }
    if (same) {
      size[merged - 1] *= n;
      continue;
    }
    size[merged] = n;
    for (uint32_t k = 0; k < count; k++) stride[k][merged] = along[k];
    merged++;
  }
  memset(plan, 0, sizeof *plan);
  plan->operands = count;
  plan->inner = merged > 0 ? size[0] : 1;
  plan->rank = merged > 0 ? merged - 1 : 0;
  plan->rows = 1;
  for (uint32_t i = 0; i < plan->rank; i++) {
    plan->outer[i] = size[merged - 1 - i];
    plan->rows *= plan->outer[i];
  }
  for (uint32_t k = 0; k < count; k++) {
    plan->step[k] = merged == 0 || stride[k][0] != 0;
    for (uint32_t i = 0; i < plan->rank; i++) plan->stride[k][i] = stride[k][merged - 1 - i];
  }
}

typedef struct ek_broadcast_job {
  const ek_broadcast *plan;
  ek_broadcast_fn *fn;
  const void *argument;
  size_t chunks; /* of a row */
} ek_broadcast_job;

static void ek_broadcast_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const ek_broadcast_job *job = argument;
  const ek_broadcast *plan = job->plan;
  (void)thread;
  size_t at[EK_MAX_RANK], offset[EK_BROADCAST_MAX] = {0};
  size_t row = begin / job->chunks, rest = row;
  for (uint32_t i = plan->rank; i-- > 0;) {
    at[i] = rest % plan->outer[i];
    rest /= plan->outer[i];
    for (uint32_t k = 0; k < plan->operands; k++) offset[k] += at[i] * plan->stride[k][i];
  }
  while (begin < end) {
    const size_t chunk = begin - row * job->chunks;
    const size_t last = end - row * job->chunks < job->chunks ? end - row * job->chunks : job->chunks;
    const size_t from = chunk * EK_ROW_CHUNK,
                 to = last * EK_ROW_CHUNK < plan->inner ? last * EK_ROW_CHUNK : plan->inner;
    size_t start[EK_BROADCAST_MAX];
    for (uint32_t k = 0; k < plan->operands; k++) start[k] = offset[k] + from * plan->step[k];
    job->fn(job->argument, plan, to - from, start, row * plan->inner + from);
    begin += last - chunk;
    row++;
    for (uint32_t i = plan->rank; i-- > 0;) { /* the next row's coordinates */
      at[i]++;
      for (uint32_t k = 0; k < plan->operands; k++) offset[k] += plan->stride[k][i];
      if (at[i] < plan->outer[i]) {
        break;
      }
      for (uint32_t k = 0; k < plan->operands; k++) offset[k] -= plan->outer[i] * plan->stride[k][i];
      at[i] = 0;
    }
  }
}

void ek_broadcast_run(ek_thread_pool *pool, const ek_broadcast *plan, ek_broadcast_fn *fn, const void *argument) {
  if (plan->rows == 0 || plan->inner == 0) {
    return;
  }
  const size_t chunks = (plan->inner + EK_ROW_CHUNK - 1) / EK_ROW_CHUNK;
  const size_t each = plan->inner < EK_ROW_CHUNK ? plan->inner : EK_ROW_CHUNK;
  ek_broadcast_job job = {plan, fn, argument, chunks};
  ek_parallel_for(pool, plan->rows * chunks, (EK_GRAIN + each - 1) / each, ek_broadcast_range, &job);
}
