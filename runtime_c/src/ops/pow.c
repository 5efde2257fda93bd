/* Pow: a to the power b, in the type of a. In double precision, rounded once; two integers multiply exactly and wrap around. */
#include "ops/elementwise/broadcast.h"
#include "ops/elementwise/types.h"

static int64_t power_integer(int64_t base, int64_t exponent) {
  if (exponent < 0) { /* the truncated reciprocal */
    return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  }
  uint64_t result = 1, square = (uint64_t)base;
  for (uint64_t e = (uint64_t)exponent; e > 0; e >>= 1) {
    if (e & 1) result *= square;
    square *= square;
  }
  return (int64_t)result;
}

static double power_real(double a, double b) { return b == 2.0 ? a * a : pow(a, b); }

static double read_real(const void *data, size_t i, ek_dtype dtype) {
  switch (dtype) {
    case EK_F32: return (double)((const float *)data)[i];
    case EK_F16: return (double)ek_f16_to_f32(((const uint16_t *)data)[i]);
    case EK_F64: return ((const double *)data)[i];
    case EK_I32: return (double)((const int32_t *)data)[i];
    default: return (double)((const int64_t *)data)[i];
  }
}

static int64_t read_integer(const void *data, size_t i, ek_dtype dtype) {
  return dtype == EK_I32 ? ((const int32_t *)data)[i] : ((const int64_t *)data)[i];
}

/* Toward zero, held to the range of the type, NaN to 0. */
static int64_t saturate(double x, ek_dtype dtype) {
  if (x != x) {
    return 0;
  }
  if (dtype == EK_I32) {
    return x <= INT32_MIN ? INT32_MIN : x >= INT32_MAX ? INT32_MAX : (int64_t)x;
  }
  return x <= -0x1p63 ? INT64_MIN : x >= 0x1p63 ? INT64_MAX : (int64_t)x;
}

typedef struct pow_job {
  const ek_tensor *a, *b;
  ek_tensor *y;
} pow_job;

static void pow_row(const void *argument, const ek_broadcast *plan, size_t n, const size_t *offset, size_t y_offset) {
  const pow_job *job = argument;
  const ek_dtype type = job->a->dtype, exponent_type = job->b->dtype;
  const bool integer = type == EK_I32 || type == EK_I64;
  const bool exact = integer && (exponent_type == EK_I32 || exponent_type == EK_I64);
  for (size_t i = 0; i < n; i++) {
    const size_t ia = offset[0] + i * plan->step[0], ib = offset[1] + i * plan->step[1], iy = y_offset + i;
    if (integer) {
      const int64_t y =
          exact ? power_integer(read_integer(job->a->data, ia, type), read_integer(job->b->data, ib, exponent_type))
                : saturate(power_real(read_real(job->a->data, ia, type), read_real(job->b->data, ib, exponent_type)),
                           type);
      if (type == EK_I32) {
        ((int32_t *)job->y->data)[iy] = (int32_t)y;
      } else {
        ((int64_t *)job->y->data)[iy] = y;
      }
      continue;
    }
    const double y = power_real(read_real(job->a->data, ia, type), read_real(job->b->data, ib, exponent_type));
    if (type == EK_F32) {
      ((float *)job->y->data)[iy] = (float)y;
    } else if (type == EK_F16) {
      ((uint16_t *)job->y->data)[iy] = ek_f64_to_f16(y);
    } else {
      ((double *)job->y->data)[iy] = y;
    }
  }
}

static ek_status pow_shape(ek_op_context *ctx) {
  return ek_broadcast_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0), ek_input(ctx, 1));
}

static ek_status pow_run(ek_op_context *ctx) {
  const ek_tensor *operands[2] = {ek_input(ctx, 0), ek_input(ctx, 1)};
  const pow_job job = {operands[0], operands[1], ek_output(ctx, 0)};
  ek_broadcast plan;
  ek_broadcast_plan(&plan, job.y, operands, 2);
  ek_broadcast_run(ctx->pool, &plan, pow_row, &job);
  return EK_OK;
}

const ek_op ek_op_pow = {"Pow", pow_shape, NULL, NULL, pow_run};
