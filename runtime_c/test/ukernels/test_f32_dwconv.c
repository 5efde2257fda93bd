#include "ukernel_test.h"
#include "ukernels/f32_dwconv/f32_dwconv.h"

#define FAMILY(x) ek_f32_dwconv_##x
#define ELEMENT float
#define BIAS float
#define RANDOM_ELEMENT test_random_float
#define RANDOM_WEIGHT test_random_float

#include "dwconv_test.inc"

static void fill_and_pack(problem *p, void *packed) {
  for (size_t i = 0; i < p->channels; i++) p->bias[i] = test_random_float();
  for (size_t i = 0; i < p->channels && p->zero != p->a; i++) p->zero[i] = 0.0f;
  const int clamp = test_random_below(2) == 0;
  p->args.min = clamp ? -0.25f : -INFINITY;
  p->args.max = clamp ? 1.0f : INFINITY;
  ek_f32_dwconv_pack(p->row, p->channels, p->taps, p->w, p->channels, 1, p->bias, packed);
}

static void check_tile(const problem *p, const float *c, size_t cm_stride) {
  for (size_t m = 0; m < p->row->info.mr; m++) {
    for (size_t n = 0; n < p->channels; n++) {
      double sum = p->bias[n], magnitude = fabs(sum);
      for (size_t t = 0; t < p->taps; t++) {
        const double term = (double)activation_at(p, m, t, n) * (double)p->w[t * p->channels + n];
        sum += term;
        magnitude += fabs(term);
      }
      const double bound = (double)(p->taps + 2) * 0x1p-24 * magnitude;
      const double expected = fmin(fmax(sum, (double)p->args.min), (double)p->args.max);
      const double error = fabs((double)c[m * cm_stride + n] - expected);
      if (!(error <= bound)) {
        test_fail(&p->row->info, "taps=%zu channels=%zu m=%zu n=%zu: %.9g, expected %.9g", p->taps, p->channels, m, n,
                  (double)c[m * cm_stride + n], expected);
      }
    }
  }
}
