/* Col2Im: sums columns of sliding windows back into an image. */
#include <string.h>

#include "ek_ops_gen.h"
#include "ops/op.h"

enum { MAX_SPATIAL = EK_MAX_RANK - 2, MAX_SIZE = 1 << 24 };

typedef struct windows {
  uint32_t rank;
  int64_t image[MAX_SPATIAL];
  int64_t block[MAX_SPATIAL];
  int64_t counts[MAX_SPATIAL];
  int64_t taps;      /* elements of a block */
  int64_t positions; /* number of windows */
} windows;

static ek_status col2_im_windows(ek_op_context *ctx, windows *w) {
  const ek_col2_im_attrs *attrs = ctx->attrs;
  uint32_t block_rank = 0;
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 1), w->image, MAX_SPATIAL, &w->rank));
  EK_TRY(ek_read_ints(ctx, ek_input(ctx, 2), w->block, MAX_SPATIAL, &block_rank));
  const uint32_t rank = w->rank;
  if (rank == 0 || block_rank != rank || attrs->strides.count != rank || attrs->dilations.count != rank || attrs->pads.count != 2 * rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "image, block, strides, dilations and pads do not have the same number of dimensions");
  }
  w->taps = w->positions = 1;
  for (uint32_t i = 0; i < rank; i++) {
    const int64_t sizes[] = {w->image[i], w->block[i], attrs->strides.data[i], attrs->dilations.data[i]};
    const int64_t begin = attrs->pads.data[i], end = attrs->pads.data[rank + i];
    for (uint32_t k = 0; k < 4; k++) {
      if (sizes[k] < 1 || sizes[k] > MAX_SIZE) return ek_op_fail(ctx, EK_ERR_SHAPE, "a size, stride or dilation is %lld", (long long)sizes[k]);
    }
    if (begin < 0 || end < 0 || begin > MAX_SIZE || end > MAX_SIZE) return ek_op_fail(ctx, EK_ERR_SHAPE, "a pad is out of range");
    const int64_t room = w->image[i] + begin + end - (attrs->dilations.data[i] * (w->block[i] - 1) + 1);
    if (room < 0) return ek_op_fail(ctx, EK_ERR_SHAPE, "the block is larger than the padded image");
    w->counts[i] = room / attrs->strides.data[i] + 1;
    if (w->taps > INT32_MAX / w->block[i] || w->positions > INT32_MAX / w->counts[i]) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "too many windows");
    }
    w->taps *= w->block[i];
    w->positions *= w->counts[i];
  }
  return EK_OK;
}

static ek_status col2_im_shape(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  windows w;
  EK_TRY(col2_im_windows(ctx, &w));
  if (x->rank != 3 || x->dims[1] % w.taps != 0 || x->dims[2] != w.positions) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "x must be [N, C * %lld, %lld]", (long long)w.taps, (long long)w.positions);
  }
  int64_t dims[EK_MAX_RANK] = {x->dims[0], x->dims[1] / w.taps};
  memcpy(dims + 2, w.image, w.rank * sizeof *dims);
  return ek_set_dims(ctx, ek_output(ctx, 0), w.rank + 2, dims);
}

/* Adds one row of x (one tap of one channel over all windows) to the channel's image. */
static void add_row(const ek_col2_im_attrs *attrs, const windows *w, int64_t tap, const float *row, float *image) {
  int64_t offset[MAX_SPATIAL], at[MAX_SPATIAL] = {0};
  for (uint32_t i = w->rank; i-- > 0;) {
    offset[i] = tap % w->block[i] * attrs->dilations.data[i] - attrs->pads.data[i];
    tap /= w->block[i];
  }
  for (int64_t p = 0; p < w->positions; p++) {
    int64_t place = 0;
    bool inside = true;
    for (uint32_t i = 0; i < w->rank; i++) {
      const int64_t k = at[i] * attrs->strides.data[i] + offset[i];
      inside = inside && k >= 0 && k < w->image[i];
      place = place * w->image[i] + k;
    }
    if (inside) image[place] += row[p];
    for (uint32_t i = w->rank; i-- > 0 && ++at[i] == w->counts[i];) at[i] = 0;
  }
}

static ek_status col2_im_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  windows w;
  EK_TRY(col2_im_windows(ctx, &w));
  memset(y->data, 0, ek_tensor_bytes(y));
  int64_t pixels = 1;
  for (uint32_t i = 0; i < w.rank; i++) pixels *= w.image[i];
  const int64_t rows = x->dims[0] * x->dims[1];
  for (int64_t r = 0; r < rows; r++) {
    add_row(ctx->attrs, &w, r % w.taps, (const float *)x->data + r * w.positions, (float *)y->data + r / w.taps * pixels);
  }
  return EK_OK;
}

const ek_op ek_op_col2_im = {"Col2Im", col2_im_shape, NULL, NULL, col2_im_run};
