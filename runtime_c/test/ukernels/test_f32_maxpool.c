#include "ukernel_test.h"
#include "ukernels/f32_maxpool/f32_maxpool.h"

#define FAMILY(x) ek_f32_maxpool_##x
#define ELEMENT float
#define RANDOM_ELEMENT test_random_float

#include "pool_test.inc"

static void set_args(problem *p) {
  const int clamp = test_random_below(2) == 0;
  p->args.min = clamp ? -0.25f : -INFINITY;
  p->args.max = clamp ? 0.75f : INFINITY;
}

static void check(const problem *p, size_t n, float got) {
  float want = -INFINITY;
  for (size_t t = 0; t < p->taps; t++) want = fmaxf(want, p->a[p->offsets[t] + n]);
  want = fminf(fmaxf(want, p->args.min), p->args.max);
  if (got != want)
    test_fail(&p->row->info, "channels=%zu taps=%zu n=%zu: %.9g, expected %.9g", p->channels, p->taps, n, (double)got,
              (double)want);
}
