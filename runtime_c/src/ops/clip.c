/* Clip: x held between min and max; max wins where min is above it; NaN stays NaN. */
#include "ops/elementwise/unary.h"

EK_UNARY_SIGNED_LOOPS(clip, EK_HELD)
EK_UNARY_UNSIGNED_LOOPS(clip, EK_HELD)
EK_UNARY_INTEGER_TABLE(clip)

static double clip_real(double x, const ek_unary_params *p) {
  x = x < (double)p->p[0] ? (double)p->p[0] : x;
  return (double)p->p[1] < x ? (double)p->p[1] : x;
}

static void clip_attributes(const void *attrs, ek_unary_params *p) {
  p->p[0] = ((const ek_clip_attrs *)attrs)->min;
  p->p[1] = ((const ek_clip_attrs *)attrs)->max;
}

static const ek_unary_def clip_def = {clip_loops, clip_real, clip_attributes, EK_F32_VUNARY_CLAMP};
EK_UNARY_OP(clip, "Clip", clip_def)
