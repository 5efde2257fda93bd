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

static int32_t sum_at(const problem *p, size_t m, size_t n) {
  uint32_t acc = (uint32_t)p->bias[n];
  for (size_t t = 0; t < p->ks; t++) {
    for (size_t k = 0; k < p->kc; k++) {
      acc += (uint32_t)((activation_at(p, m, t, k) - test_input_zero_point) * p->w[weight_index(p, n, t, k)]);
    }
  }
  return (int32_t)acc;
}

/* The sums themselves, for every number of rows. */
static void check_sums(const problem *p) {
  const size_t nr = p->row->info.nr, columns = p->n < nr ? p->n : nr;
  int8_t unused[64];
  for (size_t mr = 1; mr <= p->row->info.mr; mr++) {
    int32_t *acc = test_guarded_alloc(mr * nr * sizeof *acc);
    ek_qs8_igemm_args args = p->args;
    args.acc = acc;
    args.c = unused;
    args.cm_stride = 0;
    p->row->fn(mr, columns, &args);
    for (size_t m = 0; m < mr; m++) {
      for (size_t n = 0; n < columns; n++) {
        if (acc[m * nr + n] != sum_at(p, m, n)) {
          test_fail(&p->row->info, "kc=%zu ks=%zu mr=%zu m=%zu n=%zu: the sum is %d, expected %d", p->kc, p->ks, mr, m,
                    n, acc[m * nr + n], sum_at(p, m, n));
        }
      }
    }
    test_guarded_free(acc, mr * nr * sizeof *acc);
  }
}

static void check_tile(const problem *p, const int8_t *c, size_t cm_stride) {
  check_sums(p);
  for (size_t m = 0; m < p->row->info.mr; m++) {
    for (size_t n = 0; n < p->n; n++) {
      const int8_t expected = requantize_oracle(sum_at(p, m, n), p->multiplier[n], &p->args);
      if (c[m * cm_stride + n] != expected) {
        test_fail(&p->row->info, "kc=%zu ks=%zu m=%zu n=%zu: %d, expected %d", p->kc, p->ks, m, n, c[m * cm_stride + n],
                  expected);
      }
    }
  }
}
