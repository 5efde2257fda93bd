#include "ops/resize_table.h"

#include <math.h>

/* More taps than this come only from absurd factors. */
#define EK_RESIZE_MAX_TAPS 65536.0

static double radius_of(const ek_resize_attrs *attrs) { return attrs->mode == EK_RESIZE_MODE_LINEAR ? 1.0 : 2.0; }

/* How much the filter is stretched: below 1 when shrinking with antialias. */
static double shrink_of(const ek_resize_attrs *attrs, const ek_resize_axis *a) {
  const double factor = a->scale == 0.0 ? (double)a->out / (double)a->in : a->scale;
  return attrs->antialias && factor < 1.0 ? factor : 1.0;
}

int64_t ek_resize_taps(const ek_resize_attrs *attrs, const ek_resize_axis *axis) {
  if (attrs->mode == EK_RESIZE_MODE_NEAREST) return 1;
  const double reach = radius_of(attrs) / shrink_of(attrs, axis);
  return reach < EK_RESIZE_MAX_TAPS / 2 ? 2 - 2 * ((int64_t)floor(-reach) + 1) : 0;
}

/* Where output element i lies on the input axis. */
static double source_position(const ek_resize_attrs *attrs, const ek_resize_axis *a, double i) {
  const double n = (double)a->in, out = (double)a->out;
  const double over = a->scale == 0.0 ? n : 1.0, under = a->scale == 0.0 ? out : a->scale;
  const double length = a->scale == 0.0 ? out : a->scale * n;
  switch (attrs->coordinate_mode) {
    case EK_RESIZE_COORDINATE_MODE_ALIGN_CORNERS: return length == 1.0 ? 0.0 : i * (n - 1.0) / (length - 1.0);
    case EK_RESIZE_COORDINATE_MODE_ASYMMETRIC: return i * over / under;
    case EK_RESIZE_COORDINATE_MODE_TF_HALF_PIXEL_FOR_NN: return (i + 0.5) * over / under;
    case EK_RESIZE_COORDINATE_MODE_TF_CROP_AND_RESIZE:
      if (length == 1.0) return 0.5 * (a->roi_start + a->roi_end) * (n - 1.0);
      return a->roi_start * (n - 1.0) + i * (a->roi_end - a->roi_start) * (n - 1.0) / (length - 1.0);
    case EK_RESIZE_COORDINATE_MODE_PYTORCH_HALF_PIXEL:
      if (length <= 1.0) return 0.0;
      break;
    default: break;
  }
  const double x = (i + 0.5) * over / under - 0.5;
  if (attrs->coordinate_mode == EK_RESIZE_COORDINATE_MODE_HALF_PIXEL_SYMMETRIC)
    return n / 2.0 * (1.0 - out / length) + x;
  return x;
}

static double cubic(double distance, double a) {
  const double d = fabs(distance);
  if (d <= 1.0) return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
  return d < 2.0 ? ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a : 0.0;
}

static int32_t limited(double at, int64_t n) {
  return (int32_t)(at > 0.0 ? at < (double)(n - 1) ? at : (double)(n - 1) : 0.0);
}

static int32_t nearest(double x, int64_t n, uint8_t mode) {
  switch (mode) {
    case EK_RESIZE_NEAREST_MODE_ROUND_PREFER_FLOOR: return limited(ceil(x - 0.5), n);
    case EK_RESIZE_NEAREST_MODE_ROUND_PREFER_CEIL: return limited(floor(x + 0.5), n);
    case EK_RESIZE_NEAREST_MODE_FLOOR: return limited(floor(x), n);
    default: return limited(ceil(x), n);
  }
}

static void make_weights(const ek_resize_attrs *attrs, const ek_resize_axis *a, double x, int64_t taps, int32_t *index,
                         float *weight) {
  const double shrink = shrink_of(attrs, a), base = floor(x), first = floor(-(radius_of(attrs) / shrink)) + 1.0;
  double total = 0.0;
  for (int round = 0; round < 2; round++) { /* first the total, then each weight divided by it */
    for (int64_t k = 0; k < taps; k++) {
      const double at = base + (first + (double)k), distance = (first + (double)k - (x - base)) * shrink;
      double w = attrs->mode == EK_RESIZE_MODE_LINEAR ? fmax(1.0 - fabs(distance), 0.0)
                                                      : cubic(distance, (double)attrs->cubic_a);
      if (attrs->exclude_outside && (at < 0.0 || at >= (double)a->in)) w = 0.0;
      if (round == 0) {
        total = total + w;
      } else {
        index[k] = limited(at, a->in);
        weight[k] = (float)(attrs->exclude_outside || attrs->antialias ? w / (total == 0.0 ? 1.0 : total) : w);
      }
    }
  }
}

int64_t ek_resize_make_table(const ek_resize_attrs *attrs, const ek_resize_axis *a, int64_t taps, int32_t *index,
                             float *weight) {
  int64_t outside = 0;
  for (int64_t i = 0; i < a->out; i++) {
    const double x = source_position(attrs, a, (double)i);
    if (attrs->mode == EK_RESIZE_MODE_NEAREST) {
      index[i] = nearest(x, a->in, attrs->nearest_mode);
    } else {
      make_weights(attrs, a, x, taps, index + i * taps, weight + i * taps);
    }
    if (attrs->coordinate_mode == EK_RESIZE_COORDINATE_MODE_TF_CROP_AND_RESIZE &&
        !(x >= 0.0 && x <= (double)(a->in - 1))) {
      index[i * taps] = -1;
      outside++;
    }
  }
  return outside;
}
