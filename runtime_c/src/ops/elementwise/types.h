/* What the elementwise operators share about element types. */
#ifndef EK_OPS_ELEMENTWISE_TYPES_H
#define EK_OPS_ELEMENTWISE_TYPES_H

#include <math.h>

#include "base/float16.h"
#include "ops/op.h"

#define EK_DTYPE_LIMIT 13

/* X(argument, name, EK_ number, C type, unsigned type to wrap around in) */
#define EK_FOR_SIGNED(X, argument)            \
  X(argument, i8, EK_I8, int8_t, uint32_t)    \
  X(argument, i16, EK_I16, int16_t, uint32_t) \
  X(argument, i32, EK_I32, int32_t, uint32_t) \
  X(argument, i64, EK_I64, int64_t, uint64_t)
#define EK_FOR_UNSIGNED(X, argument)           \
  X(argument, u8, EK_U8, uint8_t, uint32_t)    \
  X(argument, u16, EK_U16, uint16_t, uint32_t) \
  X(argument, u32, EK_U32, uint32_t, uint32_t) \
  X(argument, u64, EK_U64, uint64_t, uint64_t)
#define EK_FOR_INTEGERS(X, argument) EK_FOR_SIGNED(X, argument) EK_FOR_UNSIGNED(X, argument)

/* A float clamp on an integer type: low rounded up, high rounded down, both held to the type's range. The bounds of U64 are
 * bit patterns. low <= high. */
typedef struct ek_integer_bounds {
  int64_t low, high;
} ek_integer_bounds;
ek_integer_bounds ek_integer_clamp(float low, float high, ek_dtype dtype);

/* Smallest and largest value of an 8 or 16 bit integer type. */
bool ek_quantized_range(ek_dtype dtype, int32_t *low, int32_t *high);

/* Checks what the int8 recipes rely on: quantized per tensor (or, with `per_axis`, per channel of an axis of t), zero points in
 * the range of the type, scales finite and positive. */
ek_status ek_check_quant(ek_op_context *ctx, const ek_tensor *t, bool per_axis);

/* A multiplier must leave room for the product with a difference of two 16 bit integers, or of two products of them. */
static inline bool ek_multiplier_is_sane(float m) { return fabsf(m) < 1e28f; }

/* A clamp in real numbers, in the domain of y: clamp_bounds of docs/numerics.md. */
void ek_quantized_clamp(const ek_tensor *y, float low, float high, int32_t *min, int32_t *max);

#endif
