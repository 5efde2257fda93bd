/* f32_igemm: indirect matrix multiplication in float, the kernel of convolution, fully connected and matmul.
 *
 *   c[m][n] = clamp(bias[n] + sum over t < ks, k < kc of a[offset(t, m)][k] * w[n][t][k])       m < mr, n < nc
 *
 * A tile is mr <= MR rows (output pixels) and any number nc of columns (output channels). Row m at tap t starts at
 * a + a_offsets[t * MR + m] (elements), or at `zero` where that offset is EK_IGEMM_PAD. Only entries with m < mr are
 * read. A plain matrix product is ks = 1: one table {0, lda, 2 lda, ...} serves every tile, and `a` moves. Nothing
 * outside the kc elements of a row is read; w is what ek_f32_igemm_pack wrote. */
#ifndef EK_UKERNELS_F32_IGEMM_H
#define EK_UKERNELS_F32_IGEMM_H

#include "ukernels/igemm.h"

typedef struct ek_f32_igemm_args {
  size_t kc;                 /* channels of one tap */
  size_t ks;                 /* taps, 1 for a plain matrix product */
  const float *a;            /* base of the rows */
  const uint32_t *a_offsets; /* [ks][MR], elements from a */
  const float *zero;         /* kc zeros; may be null when no offset is EK_IGEMM_PAD */
  const void *w;             /* packed, at the first column of the tile */
  float *c;
  size_t cm_stride; /* elements from one row of c to the next */
  size_t cn_stride; /* elements from one tile of NR columns to the next: NR for a row-major c */
  float min, max;   /* -INFINITY, INFINITY for no clamp */
} ek_f32_igemm_args;

typedef void ek_f32_igemm_fn(size_t mr, size_t nc, const ek_f32_igemm_args *args);
EK_UKERNEL_FAMILY(f32_igemm)

/* Bytes of the packed weights of n columns; a multiple of 4. SIZE_MAX on overflow. */
size_t ek_f32_igemm_packed_size(const ek_f32_igemm_row *row, size_t n, size_t ks, size_t kc);
/* Floats of one packed tile of NR columns: the weights of column n (a multiple of NR) start at n / NR tiles. */
size_t ek_f32_igemm_packed_tile(const ek_f32_igemm_row *row, size_t ks, size_t kc);
/* Packs weights (bias may be null). Call it once a group for a grouped convolution. */
void ek_f32_igemm_pack(const ek_f32_igemm_row *row, const ek_igemm_weights *shape, const float *w, const float *bias,
                       float *packed);

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/f32_igemm/f32_igemm.inc"
#undef EK_UKERNEL

#endif
