/* qs8_igemm: indirect matrix multiplication of int8 activations and int8 weights into int8, exact on every ISA.
 *
 *   acc[m][n] = bias[n] + sum over t < ks, k < kc of (a[offset(t, m)][k] - input_zero_point) * w[n][t][k]
 *   c[m][n]   = clamp(rne((float)acc[m][n] * multiplier[n]) + zero_point, min, max)              base/requantize.h
 *
 * The accumulator is an int32 that wraps; nothing in between saturates. Weights are in [-127, 127]: -128 is not allowed
 * (two products of a row are added in 16 bits on some ISAs). Tiles and offsets are those of f32_igemm; `zero` is a row
 * of kc bytes that hold input_zero_point, so that padding contributes nothing. */
#ifndef EK_UKERNELS_QS8_IGEMM_H
#define EK_UKERNELS_QS8_IGEMM_H

#include "ukernels/igemm.h"

typedef struct ek_qs8_igemm_args {
  size_t kc;                 /* channels of one tap */
  size_t ks;                 /* taps, 1 for a plain matrix product */
  const int8_t *a;           /* base of the rows */
  const uint32_t *a_offsets; /* [ks][MR], elements from a */
  const int8_t *zero;        /* kc times input_zero_point; may be null when no offset is EK_IGEMM_PAD */
  const void *w;             /* packed, at the first column of the tile */
  int8_t *c;
  size_t cm_stride;   /* elements from one row of c to the next */
  size_t cn_stride;   /* elements from one tile of NR columns to the next: NR for a row-major c */
  int32_t zero_point; /* of the output */
  int32_t min, max;   /* of the output, within [-128, 127] */
  int32_t *acc;       /* NULL; or where the sums go in place of c, [mr][NR], in a call of at most NR columns */
} ek_qs8_igemm_args;

typedef void ek_qs8_igemm_fn(size_t mr, size_t nc, const ek_qs8_igemm_args *args);
EK_UKERNEL_FAMILY(qs8_igemm)

/* Bytes of the packed weights of n columns. SIZE_MAX on overflow. */
size_t ek_qs8_igemm_packed_size(const ek_qs8_igemm_row *row, size_t n, size_t ks, size_t kc);
/* Bytes of one packed tile of NR columns. */
size_t ek_qs8_igemm_packed_tile(const ek_qs8_igemm_row *row, size_t ks, size_t kc);
/* Packs weights, bias (may be null) and multipliers [n]. `packed` is 4-byte aligned (64 is faster). */
void ek_qs8_igemm_pack(const ek_qs8_igemm_row *row, const ek_igemm_weights *shape, const int8_t *w, const int32_t *bias,
                       const float *multiplier, int32_t input_zero_point, void *packed);

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/qs8_igemm/qs8_igemm.inc"
#undef EK_UKERNEL

#endif
