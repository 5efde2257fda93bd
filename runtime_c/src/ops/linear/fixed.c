#include "ops/linear/fixed.h"

#include <math.h>

#include "ops/memory.h"

void ek_fixed_factor(double m, int32_t *multiplier, int32_t *shift) {
  int exponent = 0;
  const double scaled = floor(frexp(m, &exponent) * 2147483648.0 + 0.5);
  int64_t q = (int64_t)scaled;
  if (q == INT64_C(1) << 31) {
    q /= 2;
    exponent++;
  }
  const bool gone = exponent < -31;
  *multiplier = gone ? 0 : (int32_t)q;
  *shift = gone ? 0 : exponent > 31 ? 31 : exponent;
}

void ek_fixed_plan(ek_op_context *ctx, uint8_t requantize, size_t channels, int32_t zero_point, int32_t min,
                   int32_t max, size_t *state, ek_fixed *f) {
  const ek_fixed none = {0};
  *f = none;
  if (requantize == 0) {
    return;
  }
  f->row = ek_s32_vfixed_select(ctx->cpu_features);
  f->channels = ek_add_size(channels, EK_S32_VFIXED_PADDING);
  f->at = ek_place(state, ek_mul_size(f->channels, 2 * sizeof(int32_t)));
  f->params.away = requantize == 2;
  f->params.zero_point = zero_point;
  f->params.min = min;
  f->params.max = max;
  if (ctx->state != NULL) {
    f->multiplier = (const int32_t *)(const void *)((const char *)ctx->state + f->at);
    f->shift = f->multiplier + f->channels;
  }
}

void ek_fixed_fill(const ek_fixed *f, const ek_tensor *x, const ek_tensor *w, const ek_tensor *y, void *state,
                   size_t channels) {
  int32_t *multiplier = (int32_t *)(void *)((char *)state + f->at), *shift = multiplier + f->channels;
  for (size_t c = 0; c < f->channels; c++) {
    multiplier[c] = shift[c] = 0;
    if (c < channels) {
      const double scale = (double)w->quant->scale[w->quant->count > 1 ? c : 0];
      ek_fixed_factor((double)x->quant->scale[0] * scale / (double)y->quant->scale[0], &multiplier[c], &shift[c]);
    }
  }
}
