/* What ArgMax and ArgMin share. */
#ifndef EK_OPS_ARG_REDUCE_H
#define EK_OPS_ARG_REDUCE_H

#include "ops/op.h"

typedef struct ek_arg_reduce {
  int64_t axis;
  bool keepdims, select_last, largest;
} ek_arg_reduce;

ek_status ek_arg_reduce_shape(ek_op_context *ctx, const ek_arg_reduce *how);
ek_status ek_arg_reduce_run(ek_op_context *ctx, const ek_arg_reduce *how);

#endif
