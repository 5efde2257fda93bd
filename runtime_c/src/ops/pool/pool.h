/* Sliding and global pools over one implementation: a table of the window's offsets for each output pixel, then a
 * micro-kernel over all channels. Everything runs channels last; NCHW tensors are transposed on the way in and out. */
#ifndef EK_OPS_POOL_POOL_H
#define EK_OPS_POOL_POOL_H

#include "ops/memory.h"
#include "ops/quantized.h"
#include "ops/spatial.h"

typedef enum ek_pool_kind { EK_POOL_MAX, EK_POOL_AVERAGE, EK_POOL_LP } ek_pool_kind;

/* How an average of int8 becomes an integer; the values of AveragePool's attribute. */
typedef enum ek_pool_rounding { EK_POOL_EVEN, EK_POOL_UP, EK_POOL_AWAY } ek_pool_rounding;

/* What the operator's attributes say. A global pool has global set and no window. */
typedef struct ek_pool_spec {
  ek_pool_kind kind;
  bool global, channels_last, ceil_mode, count_include_pad;
  ek_i64_list kernel, strides, pads, dilations;
  int64_t p; /* of EK_POOL_LP */
  float clamp_min, clamp_max;
  ek_pool_rounding rounding;
} ek_pool_spec;

ek_status ek_pool_shape(ek_op_context *ctx, const ek_pool_spec *spec);
ek_status ek_pool_prepare(ek_op_context *ctx, const ek_pool_spec *spec, ek_op_memory *memory);
ek_status ek_pool_init(ek_op_context *ctx, const ek_pool_spec *spec);
ek_status ek_pool_run(ek_op_context *ctx, const ek_pool_spec *spec);

#endif
