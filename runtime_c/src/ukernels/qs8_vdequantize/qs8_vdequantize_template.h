/* The body of every qs8_vdequantize row. The file that includes it has chosen EK_VECTOR_ISA and defines EK_QS8_VDEQUANTIZE_NAME. */
#include "ukernels/qs8_vdequantize/qs8_vdequantize.h"
#include "ukernels/vector.h"

void EK_QS8_VDEQUANTIZE_NAME(size_t n, const int8_t *x, float *y, const ek_qs8_vdequantize_args *args) {
  const ek_vf scale = ek_v_set(args->scale);
  const uint32_t zero = (uint32_t)args->zero_point, flip = (uint32_t)(int32_t)(int8_t)args->flip;
  ek_vu q0, q1;
  for (; n >= 2 * EK_V; n -= 2 * EK_V, x += 2 * EK_V, y += 2 * EK_V) {
    ek_v_load2_s8(x, &q0, &q1);
    ek_v_store(y, ek_v_convert((q0 ^ flip) - zero) * scale);
    ek_v_store(y + EK_V, ek_v_convert((q1 ^ flip) - zero) * scale);
  }
  if (n > 0) {
    int8_t x_rest[2 * EK_V] = {0};
    float y_rest[2 * EK_V];
    for (size_t i = 0; i < n; i++) x_rest[i] = x[i];
    ek_v_load2_s8(x_rest, &q0, &q1);
    ek_v_store(y_rest, ek_v_convert((q0 ^ flip) - zero) * scale);
    ek_v_store(y_rest + EK_V, ek_v_convert((q1 ^ flip) - zero) * scale);
    for (size_t i = 0; i < n; i++) y[i] = y_rest[i];
  }
}
