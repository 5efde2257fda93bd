#include "ukernel_test.h"
#include "ukernels/qs8_avgpool/qs8_avgpool.h"

#include "base/requantize.h"

#define FAMILY(x) ek_qs8_avgpool_##x
#define ELEMENT int8_t
#define RANDOM_ELEMENT test_random_int8

#include "pool_test.inc"

static void set_args(problem *p) {
  const int32_t zero_point = test_random_int8();
  p->args.bias = -(int32_t)p->taps * zero_point;
  p->args.multiplier = (1.0f + test_random_float() * 0.5f) / (float)(p->taps + 1);
  p->args.zero_point = test_random_int8();
}

static void check(const problem *p, size_t n, int8_t got) {
  int32_t sum = p->args.bias;
  for (size_t t = 0; t < p->taps; t++) sum += p->a[p->offsets[t] + n];
  const int8_t want = ek_requantize(sum, p->args.multiplier, p->args.zero_point, -128, 127);
  if (got != want)
    test_fail(&p->row->info, "channels=%zu taps=%zu n=%zu: %d, expected %d", p->channels, p->taps, n, got, want);
}
