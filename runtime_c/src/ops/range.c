/* Range: start, start + delta, ... before limit. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/index.h"

static double float_at(const void *data, ek_dtype dtype) {
  return dtype == EK_F32 ? *(const float *)data : *(const double *)data;
}

static int64_t int_at(const void *data, ek_dtype dtype) {
  return dtype == EK_I16 ? *(const int16_t *)data : dtype == EK_I32 ? *(const int32_t *)data : *(const int64_t *)data;
}

static ek_status range_shape(ek_op_context *ctx) {
  const void *data[3] = {NULL, NULL, NULL};
  const ek_dtype dtype = ek_input(ctx, 0)->dtype;
  int64_t n = 0;
  for (uint32_t i = 0; i < 3; i++) EK_TRY(ek_scalar_data(ctx, ek_input(ctx, i), &data[i]));
  if (dtype == EK_F32 || dtype == EK_F64) {
    const double count = ceil((float_at(data[1], dtype) - float_at(data[0], dtype)) / float_at(data[2], dtype));
    if (!(count < 1e15)) return ek_op_fail(ctx, EK_ERR_SHAPE, "the range has no end");
    n = count > 0 ? (int64_t)count : 0;
  } else {
    const int64_t start = int_at(data[0], dtype), limit = int_at(data[1], dtype), delta = int_at(data[2], dtype);
    if (delta == 0) return ek_op_fail(ctx, EK_ERR_SHAPE, "the step of the range is 0");
    const bool up = delta > 0;
    if (up ? limit > start : limit < start) {
      /* differences and the step as unsigned numbers: they may not fit the signed type */
      const uint64_t span = up ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
      const uint64_t count = (span - 1) / (up ? (uint64_t)delta : 0 - (uint64_t)delta) + 1;
      n = count > INT64_MAX ? INT64_MAX : (int64_t)count;
    }
  }
  return ek_set_dims(ctx, ek_output(ctx, 0), 1, &n);
}

#define EK_RANGE(type, wide)                                                                \
  {                                                                                         \
    const wide start = (wide) * (const type *)ek_input(ctx, 0)->data,                       \
               delta = (wide) * (const type *)ek_input(ctx, 2)->data;                       \
    for (int64_t i = 0; i < n; i++) ((type *)y->data)[i] = (type)(start + (wide)i * delta); \
    break;                                                                                  \
  }

static ek_status range_run(ek_op_context *ctx) {
  ek_tensor *y = ek_output(ctx, 0);
  const int64_t n = y->dims[0];
  switch (y->dtype) {
    case EK_F32: EK_RANGE(float, float)
    case EK_F64: EK_RANGE(double, double)
    case EK_I16: EK_RANGE(int16_t, uint64_t)
    case EK_I32: EK_RANGE(int32_t, uint64_t)
    case EK_I64: EK_RANGE(int64_t, uint64_t)
    default: return ek_op_unsupported_type(ctx, y);
  }
  return EK_OK;
}

const ek_op ek_op_range = {"Range", range_shape, NULL, NULL, range_run};
