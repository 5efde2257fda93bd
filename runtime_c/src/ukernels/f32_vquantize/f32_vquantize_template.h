/* The body of every f32_vquantize row. The file that includes it has chosen EK_VECTOR_ISA and defines EK_F32_VQUANTIZE_NAME. */
#include "ukernels/f32_vquantize/f32_vquantize.h"
#include "ukernels/vector.h"

static inline ek_vu ek_f32_vquantize_one(ek_vf x, ek_vf scale, ek_vf low, ek_vf high, uint32_t zero, uint32_t flip) {
  const ek_vf q = x / scale;
  const ek_vf held = ek_v_min(high, ek_v_max(low, ek_v_eq(q, q, q, ek_v_set(0.0f))));
  return ((ek_v_round(held) + zero) ^ flip);
}

void EK_F32_VQUANTIZE_NAME(size_t n, const float *x, int8_t *y, const ek_f32_vquantize_args *args) {
  const ek_vf scale = ek_v_set(args->scale);
  const ek_vf low = ek_v_set((float)(args->min - args->zero_point)),
              high = ek_v_set((float)(args->max - args->zero_point));
  /* the flip of a byte, in 32 bits: bit 7 and the sign above it, so that the value stays in int8's range */
  const uint32_t zero = (uint32_t)args->zero_point, flip = (uint32_t)(int32_t)(int8_t)args->flip;
  for (; n >= 2 * EK_V; n -= 2 * EK_V, x += 2 * EK_V, y += 2 * EK_V) {
    ek_v_store2_s8(y, ek_f32_vquantize_one(ek_v_load(x), scale, low, high, zero, flip),
                   ek_f32_vquantize_one(ek_v_load(x + EK_V), scale, low, high, zero, flip));
  }
  if (n > 0) {
    float x_rest[2 * EK_V] = {0};
    int8_t y_rest[2 * EK_V];
    for (size_t i = 0; i < n; i++) x_rest[i] = x[i];
    ek_v_store2_s8(y_rest, ek_f32_vquantize_one(ek_v_load(x_rest), scale, low, high, zero, flip),
                   ek_f32_vquantize_one(ek_v_load(x_rest + EK_V), scale, low, high, zero, flip));
    for (size_t i = 0; i < n; i++) y[i] = y_rest[i];
  }
}
