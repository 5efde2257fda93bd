/* Boxes in a plane, and whether two overlap. All operations are float32, each rounded once, so the answer is the same on
 * every CPU. */
#ifndef EK_OPS_BOXES_H
#define EK_OPS_BOXES_H

#include <stdbool.h>

/* From low[0] to high[0] along one axis, from low[1] to high[1] along the other. */
typedef struct ek_box {
  float low[2], high[2];
} ek_box;

static inline float ek_smaller(float a, float b) { return b < a ? b : a; }
static inline float ek_larger(float a, float b) { return b > a ? b : a; }

/* The box between two opposite corners, (b[0], b[1]) and (b[2], b[3]). */
static inline ek_box ek_box_between(const float *b) {
  return (ek_box){{ek_smaller(b[0], b[2]), ek_smaller(b[1], b[3])}, {ek_larger(b[0], b[2]), ek_larger(b[1], b[3])}};
}

/* Whether the intersection is more than `threshold` of the union; boxes without an area overlap nothing. */
static inline bool ek_boxes_overlap(ek_box a, ek_box b, float threshold) {
  const float h = ek_smaller(a.high[0], b.high[0]) - ek_larger(a.low[0], b.low[0]);
  const float w = ek_smaller(a.high[1], b.high[1]) - ek_larger(a.low[1], b.low[1]);
  if (!(w > 0.0f && h > 0.0f)) return false;
  const float inter = w * h;
  const float area_a = (a.high[0] - a.low[0]) * (a.high[1] - a.low[1]);
  const float area_b = (b.high[0] - b.low[0]) * (b.high[1] - b.low[1]);
  const float both = area_a + area_b - inter;
  return inter > 0.0f && area_a > 0.0f && area_b > 0.0f && both > 0.0f && inter / both > threshold;
}

#endif
