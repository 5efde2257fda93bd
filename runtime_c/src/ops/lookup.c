/* Lookup: y = table[x - smallest value of x's type]. */
#include <string.h>

#include "ek_ops_gen.h"
#include "ops/op.h"
#include "ukernels/x8_lut/x8_lut.h"

#define EK_CHUNK 8192u

static ek_status lookup_shape(ek_op_context *ctx) {
  const ek_tensor *table = ek_input(ctx, 1);
  if (table->rank != 1 || table->dims[0] != 256) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the table needs 256 entries");
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0));
}

static ek_status lookup_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  if (ek_dtype_size(ek_output(ctx, 0)->dtype) == 1) {
    memory->kernel = ek_x8_lut_select(ctx->cpu_features)->info.name;
  }
  return EK_OK;
}

typedef struct lookup_job {
  const uint8_t *x;
  char *y;
  size_t count, size;
  const ek_x8_lut_row *row;
  uint32_t table[256]; /* entries of `size` bytes, indexed by the byte of x as it lies in memory */
} lookup_job;

static void lookup_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const lookup_job *job = argument;
  const size_t from = begin * EK_CHUNK, to = end * EK_CHUNK < job->count ? end * EK_CHUNK : job->count, n = to - from;
  const uint8_t *x = job->x + from;
  (void)thread;
  if (job->size == 1) {
    job->row->fn(n, x, (uint8_t *)job->y + from, (const uint8_t *)job->table);
  } else if (job->size == 2) {
    uint16_t *y = (uint16_t *)(void *)job->y + from;
    for (size_t i = 0; i < n; i++) memcpy(y + i, (const char *)job->table + 2 * (size_t)x[i], 2);
  } else {
    uint32_t *y = (uint32_t *)(void *)job->y + from;
    for (size_t i = 0; i < n; i++) y[i] = job->table[x[i]];
  }
}

static ek_status lookup_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0), *table = ek_input(ctx, 1);
  ek_tensor *y = ek_output(ctx, 0);
  lookup_job job = {
      x->data, y->data, (size_t)ek_tensor_elements(x), ek_dtype_size(y->dtype), ek_x8_lut_select(ctx->cpu_features),
      {0}};
  const size_t half = x->dtype == EK_I8 ? 128 * job.size : 0; /* entry 0 is -128, byte 0x80 */
  memcpy(job.table, (const char *)table->data + half, 256 * job.size - half);
  memcpy((char *)job.table + (256 * job.size - half), table->data, half);
  ek_parallel_for(ctx->pool, (job.count + EK_CHUNK - 1) / EK_CHUNK, 2, lookup_range, &job);
  return EK_OK;
}

const ek_op ek_op_lookup = {"Lookup", lookup_shape, lookup_prepare, NULL, lookup_run};
