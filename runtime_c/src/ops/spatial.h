/* Windows that slide over 1 to 3 spatial dimensions. Everything is held in three: missing leading ones have size and
 * kernel 1. */
#ifndef EK_OPS_SPATIAL_H
#define EK_OPS_SPATIAL_H

#include "ops/op.h"

#define EK_SPATIAL 3

typedef struct ek_spatial {
  int64_t batch, channels;
  int64_t size[EK_SPATIAL];
} ek_spatial;

typedef struct ek_window {
  int64_t kernel[EK_SPATIAL], stride[EK_SPATIAL], dilation[EK_SPATIAL], begin[EK_SPATIAL], end[EK_SPATIAL];
  bool ceil_mode;
} ek_window;

/* Batch, sizes and channels of a tensor of rank 3 to 5. `channels_last`: N, spatial..., C, else N, C, spatial... */
ek_status ek_spatial_split(ek_op_context *ctx, const ek_tensor *x, bool channels_last, ek_spatial *out);

/* Sets the dims of y like ek_spatial_split reads them; `rank` is that of the tensor. */
ek_status ek_spatial_join(ek_op_context *ctx, ek_tensor *y, uint32_t rank, const ek_spatial *s, bool channels_last);

/* Checks the attributes: `rank` spatial dimensions (that of a tensor less 2), positive kernel, strides and dilations,
 * pads that are not negative, all below 2^31. `kernel` has `rank` entries. */
ek_status ek_window_read(ek_op_context *ctx, uint32_t rank, const int64_t *kernel, ek_i64_list strides,
                         ek_i64_list pads, ek_i64_list dilations, bool ceil_mode, ek_window *out);

/* Number of windows along each dimension. */
ek_status ek_window_output(ek_op_context *ctx, const ek_window *window, const int64_t *size, int64_t *out);

/* The taps of the window that begins at `start` (may be negative) which lie in [0, size): first and one past the last.
 */
void ek_window_valid(const ek_window *window, uint32_t d, int64_t start, int64_t size, int64_t *first, int64_t *last);

/* Positions (or windows) of three dimensions. */
static inline int64_t ek_spatial_positions(const int64_t *size) { return size[0] * size[1] * size[2]; }

/* dst[c][r] = src[r][c] for `count` matrices of rows x columns elements of 1, 2, 4 or 8 bytes: NCHW to NHWC and back.
 */
void ek_transpose_matrices(ek_thread_pool *pool, const void *src, void *dst, size_t count, size_t rows, size_t columns,
                           size_t item);

#endif
