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

static int32_t sum_at(const problem *p, size_t m, size_t n) {
  int32_t acc = p->bias[n];
  for (size_t t = 0; t < p->taps; t++) {
    acc += (activation_at(p, m, t, n) - test_input_zero_point) * p->w[t * p->channels + n];
  }
  return acc;
}

/* The sums themselves, for every number of pixels and every number of channels up to a tile. */
static void check_sums(const problem *p) {
  const size_t nr = p->row->info.nr;
  int8_t unused[64];
  for (size_t mr = 1; mr <= p->row->info.mr; mr++) {
    for (size_t count = 1; count <= (p->channels < nr ? p->channels : nr); count++) {
      int32_t *acc = test_guarded_alloc(mr * nr * sizeof *acc);
      ek_qs8_dwconv_args args = p->args;
      args.acc = acc;
      args.c = unused;
      args.cm_stride = 0;
      p->row->fn(mr, count, &args);
      for (size_t m = 0; m < mr; m++) {
        for (size_t n = 0; n < count; n++) {
          if (acc[m * nr + n] != sum_at(p, m, n)) {
            test_fail(&p->row->info, "taps=%zu mr=%zu channels=%zu m=%zu n=%zu: the sum is %d, expected %d", p->taps,
                      mr, count, m, n, acc[m * nr + n], sum_at(p, m, n));
          }
        }
      }
      test_guarded_free(acc, mr * nr * sizeof *acc);
    }
  }
}

static void check_tile(const problem *p, const int8_t *c, size_t cm_stride) {
  check_sums(p);
  for (size_t m = 0; m < p->row->info.mr; m++) {
    for (size_t n = 0; n < p->channels; n++) {
      const float product = (float)sum_at(p, m, n) * p->multiplier[n];
      const double y = nearbyint((double)product) + p->args.zero_point;
      const int8_t expected = (int8_t)fmin(fmax(y, p->args.min), p->args.max);
      if (c[m * cm_stride + n] != expected) {
        test_fail(&p->row->info, "taps=%zu channels=%zu m=%zu n=%zu: %d, expected %d", p->taps, p->channels, m, n,
                  c[m * cm_stride + n], expected);
      }
    }
  }
}
