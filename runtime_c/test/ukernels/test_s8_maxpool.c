#include "ukernel_test.h"
#include "ukernels/s8_maxpool/s8_maxpool.h"

#define FAMILY(x) ek_s8_maxpool_##x
#define ELEMENT int8_t
#define RANDOM_ELEMENT test_random_int8

#include "pool_test.inc"

static void set_args(problem *p) {
  const int clamp = test_random_below(2) == 0;
  p->args.min = clamp ? -20 : -128;
  p->args.max = clamp ? 70 : 127;
}

static void check(const problem *p, size_t n, int8_t got) {
  int want = -128;
  for (size_t t = 0; t < p->taps; t++) want = p->a[p->offsets[t] + n] > want ? p->a[p->offsets[t] + n] : want;
  want = want < p->args.min ? p->args.min : want > p->args.max ? p->args.max : want;
  if (got != want)
    test_fail(&p->row->info, "channels=%zu taps=%zu n=%zu: %d, expected %d", p->channels, p->taps, n, got, want);
}
