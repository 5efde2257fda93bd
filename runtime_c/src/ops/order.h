/* One total order over the elements of every number type, as unsigned keys. */
#ifndef EK_OPS_ORDER_H
#define EK_OPS_ORDER_H

#include "base/float16.h"
#include "ops/op.h"

static inline uint64_t ek_order_of_int(int64_t v) { return (uint64_t)v ^ (UINT64_C(1) << 63); }

/* NaN above everything; minus zero equals zero. */
static inline uint64_t ek_order_of_float(double v) {
  union {
    double d;
    uint64_t u;
  } bits = {v + 0.0}; /* -0 becomes +0 */
  if (v != v) return UINT64_MAX;
  return bits.u >> 63 != 0 ? ~bits.u : bits.u | UINT64_C(1) << 63;
}

/* a < b as elements is key(a) < key(b). */
static inline uint64_t ek_order_key(const void *data, int64_t i, ek_dtype dtype) {
  switch (dtype) {
    case EK_F32: return ek_order_of_float(((const float *)data)[i]);
    case EK_F16: return ek_order_of_float(ek_f16_to_f32(((const uint16_t *)data)[i]));
    case EK_F64: return ek_order_of_float(((const double *)data)[i]);
    case EK_I8: return ek_order_of_int(((const int8_t *)data)[i]);
    case EK_I16: return ek_order_of_int(((const int16_t *)data)[i]);
    case EK_U16: return ek_order_of_int(((const uint16_t *)data)[i]);
    case EK_I32: return ek_order_of_int(((const int32_t *)data)[i]);
    case EK_U32: return ek_order_of_int(((const uint32_t *)data)[i]);
    case EK_I64: return ek_order_of_int(((const int64_t *)data)[i]);
    case EK_U64: return ((const uint64_t *)data)[i];
    default: return ek_order_of_int(((const uint8_t *)data)[i]);
  }
}

#endif
