/* The loops of every elementwise operator: numpy broadcasting as rows in which each operand runs along or stands still. */
#ifndef EK_OPS_ELEMENTWISE_BROADCAST_H
#define EK_OPS_ELEMENTWISE_BROADCAST_H

#include "ops/op.h"

#define EK_BROADCAST_MAX 3

typedef struct ek_broadcast {
  uint32_t operands;
  uint32_t rank;                                /* of the loops around a row */
  size_t rows;                                  /* product of outer */
  size_t inner;                                 /* elements of a row */
  size_t outer[EK_MAX_RANK];                    /* slowest first */
  size_t stride[EK_BROADCAST_MAX][EK_MAX_RANK]; /* elements, 0 where the operand is repeated */
  uint8_t step[EK_BROADCAST_MAX];               /* within a row: 1, or 0 where the operand is repeated */
} ek_broadcast;

/* Handles n elements: of operand k from element offset[k] on, of the output from y_offset on. */
typedef void ek_broadcast_fn(const void *argument, const ek_broadcast *plan, size_t n, const size_t *offset,
                             size_t y_offset);

/* Merges dimensions as far as the operands allow. Their dims must broadcast to those of y. */
void ek_broadcast_plan(ek_broadcast *plan, const ek_tensor *y, const ek_tensor *const *operands, uint32_t count);

/* Calls fn over all elements of y, on all threads. How the work is split does not show in the results. */
void ek_broadcast_run(ek_thread_pool *pool, const ek_broadcast *plan, ek_broadcast_fn *fn, const void *argument);

#endif
