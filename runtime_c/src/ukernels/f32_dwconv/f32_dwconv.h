/* f32_dwconv: depthwise convolution in float, NHWC, one filter a channel.
 *
 *   c[m][n] = clamp(bias[n] + sum over t < taps of a[offset(t, m)][n] * w[t][n])                m < mr, n < channels
 *
 * mr is a number of output pixels, at most MR; NR is the channel tile; KR the number of taps a row is written for, 0
 * for any. Pixel m at tap t starts at a + a_offsets[t * MR + m] (elements), or at `zero` where that is EK_IGEMM_PAD.
 * Only entries with m < mr are read, and `channels` elements of each. */
#ifndef EK_UKERNELS_F32_DWCONV_H
#define EK_UKERNELS_F32_DWCONV_H

#include "ukernels/igemm.h"

typedef struct ek_f32_dwconv_args {
  size_t taps;
  const float *a;            /* base of the pixels */
  const uint32_t *a_offsets; /* [taps][MR], elements from a */
  const float *zero;         /* `channels` zeros; may be null when no offset is EK_IGEMM_PAD */
  const float *w;            /* packed */
  float *c;
  size_t cm_stride; /* elements from one output pixel to the next */
  float min, max;   /* -INFINITY, INFINITY for no clamp */
} ek_f32_dwconv_args;

typedef void ek_f32_dwconv_fn(size_t mr, size_t channels, const ek_f32_dwconv_args *args);
EK_UKERNEL_FAMILY_ROWS(f32_dwconv)

/* The best row for these CPU features and this number of taps. */
const ek_f32_dwconv_row *ek_f32_dwconv_select(uint64_t cpu_features, size_t taps);

/* Bytes of the packed weights. SIZE_MAX on overflow. */
size_t ek_f32_dwconv_packed_size(const ek_f32_dwconv_row *row, size_t channels, size_t taps);
/* Packs weights; w[t][n] is element t * t_stride + n * n_stride of w (HWC: channels, 1). bias may be null. */
void ek_f32_dwconv_pack(const ek_f32_dwconv_row *row, size_t channels, size_t taps, const float *w, size_t t_stride,
                        size_t n_stride, const float *bias, float *packed);

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/f32_dwconv/f32_dwconv.inc"
#undef EK_UKERNEL

#endif
