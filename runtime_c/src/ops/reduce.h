/* The engine of the reductions: ReduceSum, ReduceMean, ReduceMax ... differ only in how an element enters and how a total leaves.
 *
 * Totals of floats are kept in double precision, those of integers in 64 bits that wrap around. The order of summation depends
 * on the shape alone, so the result is the same for any number of threads. */
#ifndef EK_OPS_REDUCE_H
#define EK_OPS_REDUCE_H

#include "ops/op.h"

typedef enum ek_reduce_kind {
  EK_REDUCE_SUM,
  EK_REDUCE_MEAN,
  EK_REDUCE_MAX,
  EK_REDUCE_MIN,
  EK_REDUCE_PROD,
  EK_REDUCE_L1,
  EK_REDUCE_L2,
  EK_REDUCE_SUM_SQUARE,
  EK_REDUCE_LOG_SUM_EXP
} ek_reduce_kind;

typedef struct ek_reduce {
  ek_reduce_kind kind;
  ek_i64_list axes; /* empty: all */
  bool keepdims;
} ek_reduce;

ek_status ek_reduce_shape(ek_op_context *ctx, const ek_reduce *how);
ek_status ek_reduce_prepare(ek_op_context *ctx, const ek_reduce *how);
ek_status ek_reduce_run(ek_op_context *ctx, const ek_reduce *how);

#endif
