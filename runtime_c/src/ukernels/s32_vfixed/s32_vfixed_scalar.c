#include "ukernels/s32_vfixed/s32_vfixed.h"

#include "base/fixed_point.h"

void ek_s32_vfixed_ukernel_x1__scalar(size_t n, const int32_t *acc, const int32_t *multiplier, const int32_t *shift,
                                      int8_t *y, const ek_s32_vfixed_params *params) {
  for (size_t i = 0; i < n; i++) {
    const int32_t u = ek_fixed_multiply(acc[i], multiplier[i], shift[i], params->away);
    y[i] = (int8_t)ek_fixed_clamp(u, params->zero_point, params->min, params->max);
  }
}
