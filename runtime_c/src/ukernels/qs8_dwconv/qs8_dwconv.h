/* qs8_dwconv: depthwise convolution of int8 activations and int8 weights into int8, exact on every ISA.
 *
 *   acc[m][n] = bias[n] + sum over t < taps of (a[offset(t, m)][n] - input_zero_point) * w[t][n]
 *   c[m][n]   = clamp(rne((float)acc[m][n] * multiplier[n]) + zero_point, min, max)              base/requantize.h
 *
 * Tiles and offsets are those of f32_dwconv, the numbers those of qs8_igemm (weights in [-127, 127]). */
#ifndef EK_UKERNELS_QS8_DWCONV_H
#define EK_UKERNELS_QS8_DWCONV_H

#include "ukernels/igemm.h"

typedef struct ek_qs8_dwconv_args {
  size_t taps;
  const int8_t *a;           /* base of the pixels */
  const uint32_t *a_offsets; /* [taps][MR], elements from a */
  const int8_t *zero;        /* `channels` times input_zero_point; may be null when no offset is EK_IGEMM_PAD */
  const void *w;             /* packed */
  int8_t *c;
  size_t cm_stride;   /* elements from one output pixel to the next */
  int32_t zero_point; /* of the output */
  int32_t min, max;   /* of the output, within [-128, 127] */
  int32_t *acc;       /* NULL; or where the sums go in place of c, [mr][NR], in a call of at most NR channels */
} ek_qs8_dwconv_args;

typedef void ek_qs8_dwconv_fn(size_t mr, size_t channels, const ek_qs8_dwconv_args *args);
EK_UKERNEL_FAMILY_ROWS(qs8_dwconv)

/* The best row for these CPU features and this number of taps. */
const ek_qs8_dwconv_row *ek_qs8_dwconv_select(uint64_t cpu_features, size_t taps);

/* Bytes of the packed weights. SIZE_MAX on overflow. */
size_t ek_qs8_dwconv_packed_size(const ek_qs8_dwconv_row *row, size_t channels, size_t taps);
/* Packs weights; w[t][n] is element t * t_stride + n * n_stride of w (HWC: channels, 1). bias may be null; multiplier
 * is [channels]; `packed` is 4-byte aligned (64 is faster). */
void ek_qs8_dwconv_pack(const ek_qs8_dwconv_row *row, size_t channels, size_t taps, const int8_t *w, size_t t_stride,
                        size_t n_stride, const int32_t *bias, const float *multiplier, int32_t input_zero_point,
                        void *packed);

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/qs8_dwconv/qs8_dwconv.inc"
#undef EK_UKERNEL

#endif
