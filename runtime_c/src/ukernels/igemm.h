/* What the indirect matrix multiplication families share. */
#ifndef EK_UKERNELS_IGEMM_H
#define EK_UKERNELS_IGEMM_H

#include "ukernels/ukernel.h"

/* For the callers: the loop over taps has a cost of its own, and a tap of few channels cannot amortise it. Where kc is
 * smaller than about 8 (the three channels of an image), gather ks * kc values into rows and call with ks = 1. */

/* The offset of a row that is padding: the kernel reads the `zero` row of the arguments in its place. */
#define EK_IGEMM_PAD UINT32_MAX

/* Where weight [n][t][k] lies in the source: element n * n_stride + t * t_stride + k * k_stride.
 *   convolution, OHWI: n_stride = ks * kc, t_stride = kc, k_stride = 1
 *   matrix [N][K]:     n_stride = K, k_stride = 1
 *   matrix [K][N]:     n_stride = 1, k_stride = N */
typedef struct ek_igemm_weights {
  size_t n, ks, kc;
  size_t n_stride, t_stride, k_stride;
} ek_igemm_weights;

static inline ek_igemm_weights ek_igemm_weights_ohwi(size_t n, size_t ks, size_t kc) {
  const ek_igemm_weights shape = {n, ks, kc, ks * kc, kc, 1};
  return shape;
}
static inline ek_igemm_weights ek_igemm_weights_nk(size_t n, size_t kc) {
  const ek_igemm_weights shape = {n, 1, kc, kc, 0, 1};
  return shape;
}
static inline ek_igemm_weights ek_igemm_weights_kn(size_t n, size_t kc) {
  const ek_igemm_weights shape = {n, 1, kc, 1, 0, n};
  return shape;
}

#endif
