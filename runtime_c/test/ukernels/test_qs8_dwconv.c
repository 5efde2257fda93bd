#include "ukernel_test.h"
#include "ukernels/qs8_dwconv/qs8_dwconv.h"

#define FAMILY(x) ek_qs8_dwconv_##x
#define ELEMENT int8_t
#define BIAS int32_t
#define RANDOM_ELEMENT test_random_int8
#define RANDOM_WEIGHT test_random_weight

#include "dwconv_test.inc"

static int8_t test_input_zero_point;

static void fill_and_pack(problem *p, void *packed) {
  test_input_zero_point = test_random_int8();
  const float typical = 64.0f / (5000.0f * sqrtf((float)p->taps));
  for (size_t i = 0; i < p->channels; i++) {
    p->bias[i] = (int32_t)(test_random() >> 16) - 32768;
    const size_t kind = test_random_below(8);
    p->multiplier[i] = kind == 0 ? 1e6f : kind == 1 ? 0x1p-9f : typical * (0.5f + fabsf(test_random_float()));
  }
  if (p->zero != p->a) memset(p->zero, test_input_zero_point, p->channels);
  p->args.zero_point = test_random_int8();
  p->args.min = -128 + (int32_t)test_random_below(40);
  p->args.max = 127 - (int32_t)test_random_below(40);
  ek_qs8_dwconv_pack(p->row, p->channels, p->taps, p->w, p->channels, 1, p->bias, p->multiplier, test_input_zero_point,
                     packed);
}

static void check_tile(const problem *p, const int8_t *c, size_t cm_stride) {
  for (size_t m = 0; m < p->row->info.mr; m++) {
    for (size_t n = 0; n < p->channels; n++) {
      int32_t acc = p->bias[n];
      for (size_t t = 0; t < p->taps; t++) {
        acc += (activation_at(p, m, t, n) - test_input_zero_point) * p->w[t * p->channels + n];
      }
      const float product = (float)acc * p->multiplier[n];
      const double y = nearbyint((double)product) + p->args.zero_point;
      const int8_t expected = (int8_t)fmin(fmax(y, p->args.min), p->args.max);
      if (c[m * cm_stride + n] != expected) {
        test_fail(&p->row->info, "taps=%zu channels=%zu m=%zu n=%zu: %d, expected %d", p->taps, p->channels, m, n,
                  c[m * cm_stride + n], expected);
      }
    }
  }
}
