#include "ukernel_test.h"
#include "ukernels/f32_avgpool/f32_avgpool.h"

#define FAMILY(x) ek_f32_avgpool_##x
#define ELEMENT float
#define RANDOM_ELEMENT test_random_float

#include "pool_test.inc"

static void set_args(problem *p) { p->args.scale = 1.0f / (float)(p->taps + 1); }

static void check(const problem *p, size_t n, float got) {
  double sum = 0, magnitude = 0;
  for (size_t t = 0; t < p->taps; t++) {
    sum += (double)p->a[p->offsets[t] + n];
    magnitude += fabs((double)p->a[p->offsets[t] + n]);
  }
  const double scale = (double)p->args.scale;
  if (!(fabs((double)got - sum * scale) <= (double)(p->taps + 2) * 0x1p-24 * magnitude * scale)) {
    test_fail(&p->row->info, "channels=%zu taps=%zu n=%zu: %.9g, expected %.9g", p->channels, p->taps, n, (double)got,
              sum * scale);
  }
}
