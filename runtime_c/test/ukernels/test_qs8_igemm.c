#include "ukernel_test.h"
#include "ukernels/qs8_igemm/qs8_igemm.h"

#define FAMILY(x) ek_qs8_igemm_##x
#define ELEMENT int8_t
#define WEIGHT int8_t
#define BIAS int32_t
#define RANDOM_ELEMENT test_random_int8
#define RANDOM_WEIGHT test_random_weight
#define PACKED_TILE_BYTES ek_qs8_igemm_packed_tile

#include "igemm_test.inc"

static int8_t test_input_zero_point;

static void fill_and_pack(problem *p, void *packed) {
  const ek_igemm_weights shape = weight_shape(p);
  test_input_zero_point = test_random_int8();
  const float typical = 64.0f / (5000.0f * sqrtf((float)(p->kc * p->ks)));
  for (size_t i = 0; i < p->n; i++) {
    p->bias[i] = (int32_t)(test_random() >> 16) - 32768;
    /* Mostly sensible multipliers; some that saturate everything, and powers of two, which make ties. */
    const size_t kind = test_random_below(8);
    p->multiplier[i] = kind == 0 ? 1e6f : kind == 1 ? 0x1p-9f : typical * (0.5f + fabsf(test_random_float()));
  }
  if (p->zero != p->a) memset(p->zero, test_input_zero_point, p->kc);
  p->args.zero_point = test_random_int8();
  p->args.min = -128 + (int32_t)test_random_below(40);
  p->args.max = 127 - (int32_t)test_random_below(40);
  ek_qs8_igemm_pack(p->row, &shape, p->w, p->bias, p->multiplier, test_input_zero_point, packed);
}

/* The definition, with the library's nearbyint in its default mode (nearest even) in place of our rounding. */
static int8_t requantize_oracle(int64_t acc, float multiplier, const ek_qs8_igemm_args *args) {
  const float product = (float)(int32_t)acc * multiplier;
  const double y = nearbyint((double)product) + args->zero_point;
  return (int8_t)fmin(fmax(y, args->min), args->max);
}

static void check_tile(const problem *p, const int8_t *c, size_t cm_stride) {
  for (size_t m = 0; m < p->row->info.mr; m++) {
    for (size_t n = 0; n < p->n; n++) {
      int64_t acc = p->bias[n];
      for (size_t t = 0; t < p->ks; t++) {
        for (size_t k = 0; k < p->kc; k++) {
          acc += (activation_at(p, m, t, k) - test_input_zero_point) * p->w[weight_index(p, n, t, k)];
        }
      }
      const int8_t expected = requantize_oracle(acc, p->multiplier[n], &p->args);
      if (c[m * cm_stride + n] != expected) {
        test_fail(&p->row->info, "kc=%zu ks=%zu m=%zu n=%zu: %d, expected %d", p->kc, p->ks, m, n, c[m * cm_stride + n],
                  expected);
      }
    }
  }
}
