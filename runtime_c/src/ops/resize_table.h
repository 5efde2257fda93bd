/* The taps of one resized axis: output i is the sum over k of weight[i][k] times input index[i][k]. */
#ifndef EK_OPS_RESIZE_TABLE_H
#define EK_OPS_RESIZE_TABLE_H

#include "ek_ops_gen.h"

typedef struct ek_resize_axis {
  int64_t in, out;
  double scale; /* the factor asked for; 0: out / in, kept as a fraction */
  double roi_start, roi_end;
} ek_resize_axis;

/* ek_resize_axis.scale for the factor of the `scales` input: one that is the fraction out / in rounded to float32 means the fraction. */
static inline double ek_resize_scale(int64_t in, int64_t out, float factor) {
  return in != 0 && (float)((double)out / (double)in) == factor ? 0.0 : (double)factor;
}

/* Taps of each output element. 0 where the filter would be too wide to count. */
int64_t ek_resize_taps(const ek_resize_attrs *attrs, const ek_resize_axis *axis);

/* Fills index and weight [out][taps]. Returns how many outputs lie outside the input (tf_crop_and_resize); their first index
 * is -1. The steps in double precision are those of the operator's reference, so the weights are the same bits. */
int64_t ek_resize_make_table(const ek_resize_attrs *attrs, const ek_resize_axis *axis, int64_t taps, int32_t *index,
                             float *weight);

#endif
