#include "ukernel_test.h"
#include "ukernels/f32_igemm/f32_igemm.h"

#define FAMILY(x) ek_f32_igemm_##x
#define ELEMENT float
#define WEIGHT float
#define BIAS float
#define RANDOM_ELEMENT test_random_float
#define RANDOM_WEIGHT test_random_float
#define PACKED_TILE_BYTES(row, ks, kc) (ek_f32_igemm_packed_tile(row, ks, kc) * sizeof(float))

#include "igemm_test.inc"

static void fill_and_pack(problem *p, void *packed) {
  const ek_igemm_weights shape = weight_shape(p);
  for (size_t i = 0; i < p->n; i++) p->bias[i] = test_random_float();
  for (size_t i = 0; i < p->kc && p->zero != p->a; i++) p->zero[i] = 0.0f;
  p->args.min = p->kn ? -INFINITY : -0.75f;
  p->args.max = p->kn ? INFINITY : 1.5f;
  ek_f32_igemm_pack(p->row, &shape, p->w, p->bias, packed);
}

/* Against a double-precision sum, within the bound that EK_FLOAT_SUM declares. */
static void check_tile(const problem *p, const float *c, size_t cm_stride) {
  for (size_t m = 0; m < p->row->info.mr; m++) {
    for (size_t n = 0; n < p->n; n++) {
      double sum = p->bias[n], magnitude = fabs(sum);
      for (size_t t = 0; t < p->ks; t++) {
        for (size_t k = 0; k < p->kc; k++) {
          const double term = (double)activation_at(p, m, t, k) * (double)p->w[weight_index(p, n, t, k)];
          sum += term;
          magnitude += fabs(term);
        }
      }
      const double bound = (double)(p->ks * p->kc + 2) * 0x1p-24 * magnitude;
      const double expected = fmin(fmax(sum, (double)p->args.min), (double)p->args.max);
      const double error = fabs((double)c[m * cm_stride + n] - expected);
      if (!(error <= bound)) {
        test_fail(&p->row->info, "kc=%zu ks=%zu m=%zu n=%zu: %.9g, expected %.9g, bound %.3g", p->kc, p->ks, m, n,
                  (double)c[m * cm_stride + n], expected, bound);
      }
    }
  }
}
