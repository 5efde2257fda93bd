/* Where: y = condition ? a : b; all three broadcast. Elements are moved, never computed with. */
#include "ops/elementwise/broadcast.h"

typedef struct where_job {
  const uint8_t *condition;
  const char *a, *b;
  char *y;
  size_t size;
} where_job;

#define EK_WHERE(TYPE)                                                                                 \
  do {                                                                                                 \
    const TYPE *from_a = (const TYPE *)job->a + offset[1], *from_b = (const TYPE *)job->b + offset[2]; \
    TYPE *to = (TYPE *)job->y + y_offset;                                                              \
    for (size_t i = 0; i < n; i++) {                                                                   \
      to[i] = *c != 0 ? *from_a : *from_b;                                                             \
      c += plan->step[0];                                                                              \
      from_a += plan->step[1];                                                                         \
      from_b += plan->step[2];                                                                         \
    }                                                                                                  \
  } while (0)

static void where_row(const void *argument, const ek_broadcast *plan, size_t n, const size_t *offset, size_t y_offset) {
  const where_job *job = argument;
  const uint8_t *c = job->condition + offset[0];
  switch (job->size) {
    case 1: EK_WHERE(uint8_t); break;
    case 2: EK_WHERE(uint16_t); break;
    case 4: EK_WHERE(uint32_t); break;
    default: EK_WHERE(uint64_t); break;
  }
}
#undef EK_WHERE

static ek_status where_shape(ek_op_context *ctx) {
  ek_tensor *y = ek_output(ctx, 0);
  EK_TRY(ek_broadcast_dims(ctx, y, ek_input(ctx, 1), ek_input(ctx, 2)));
  return ek_broadcast_dims(ctx, y, y, ek_input(ctx, 0));
}

static ek_status where_run(ek_op_context *ctx) {
  const ek_tensor *operands[3] = {ek_input(ctx, 0), ek_input(ctx, 1), ek_input(ctx, 2)};
  ek_tensor *y = ek_output(ctx, 0);
  const where_job job = {operands[0]->data, operands[1]->data, operands[2]->data, y->data, ek_dtype_size(y->dtype)};
  ek_broadcast plan;
  ek_broadcast_plan(&plan, y, operands, 3);
  ek_broadcast_run(ctx->pool, &plan, where_row, &job);
  return EK_OK;
}

const ek_op ek_op_where = {"Where", where_shape, NULL, NULL, where_run};
