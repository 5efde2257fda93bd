#include "ops/spatial.h"

ek_status ek_spatial_split(ek_op_context *ctx, const ek_tensor *x, bool channels_last, ek_spatial *out) {
  if (x->rank < 3 || x->rank > 2 + EK_SPATIAL) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "an input of rank 3 to 5 is needed, got rank %u", x->rank);
  }
  const uint32_t n = x->rank - 2, first = channels_last ? 1 : 2;
  out->batch = x->dims[0];
  out->channels = channels_last ? x->dims[x->rank - 1] : x->dims[1];
  for (uint32_t i = 0; i < EK_SPATIAL; i++) {
    out->size[i] = i + n < EK_SPATIAL ? 1 : x->dims[first + i + n - EK_SPATIAL];
    if (out->size[i] > INT32_MAX) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "a spatial dimension of %lld is too large", (long long)out->size[i]);
    }
  }
  return EK_OK;
}

ek_status ek_spatial_join(ek_op_context *ctx, ek_tensor *y, uint32_t rank, const ek_spatial *s, bool channels_last) {
  int64_t dims[2 + EK_SPATIAL];
  const uint32_t n = rank - 2, first = channels_last ? 1 : 2;
  dims[0] = s->batch;
  dims[channels_last ? rank - 1 : 1] = s->channels;
  for (uint32_t i = 0; i < n; i++) {
    dims[first + i] = s->size[EK_SPATIAL - n + i];
  }
  return ek_set_dims(ctx, y, rank, dims);
}

static bool in_range(int64_t value, int64_t low) { return value >= low && value <= INT32_MAX; }

ek_status ek_window_read(ek_op_context *ctx, uint32_t rank, const int64_t *kernel, ek_i64_list strides,
                         ek_i64_list pads, ek_i64_list dilations, bool ceil_mode, ek_window *out) {
  if (rank < 1 || rank > EK_SPATIAL || strides.count != rank || dilations.count != rank || pads.count != 2 * rank) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%u spatial dimensions do not fit %u strides, %u dilations and %u pads", rank,
                      strides.count, dilations.count, pads.count);
  }
  for (uint32_t i = 0; i < EK_SPATIAL; i++) {
    out->kernel[i] = out->stride[i] = out->dilation[i] = 1;
    out->begin[i] = out->end[i] = 0;
  }
  for (uint32_t i = 0; i < rank; i++) {
    const uint32_t d = EK_SPATIAL - rank + i;
    out->kernel[d] = kernel[i];
    out->stride[d] = strides.data[i];
    out->dilation[d] = dilations.data[i];
    out->begin[d] = pads.data[i];
    out->end[d] = pads.data[rank + i];
    if (!in_range(kernel[i], 1) || !in_range(out->stride[d], 1) || !in_range(out->dilation[d], 1) ||
        !in_range(out->begin[d], 0) || !in_range(out->end[d], 0)) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "kernel, stride, dilation or pads of spatial dimension %u are out of range",
                        i);
    }
  }
  out->ceil_mode = ceil_mode;
  return EK_OK;
}

ek_status ek_window_output(ek_op_context *ctx, const ek_window *window, const int64_t *size, int64_t *out) {
  for (uint32_t d = 0; d < EK_SPATIAL; d++) {
    const int64_t stride = window->stride[d];
    const int64_t span =
        size[d] + window->begin[d] + window->end[d] - window->dilation[d] * (window->kernel[d] - 1) - 1;
    if (span < 0) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the window does not fit into %lld plus its pads", (long long)size[d]);
    }
    out[d] = (window->ceil_mode ? (span + stride - 1) / stride : span / stride) + 1;
    if (window->ceil_mode) { /* windows that begin behind the input and its leading pad do not count */
      const int64_t reach = size[d] + window->begin[d];
      const int64_t starts = reach > 0 ? (reach - 1) / stride + 1 : 0;
      out[d] = out[d] < starts ? out[d] : starts;
    }
  }
  return EK_OK;
}

void ek_window_valid(const ek_window *window, uint32_t d, int64_t start, int64_t size, int64_t *first, int64_t *last) {
  const int64_t step = window->dilation[d], kernel = window->kernel[d];
  int64_t from = start < 0 ? (-start + step - 1) / step : 0;
  int64_t to = start < size ? (size - start + step - 1) / step : 0;
  to = to < kernel ? to : kernel;
  *first = from;
  *last = to > from ? to : from;
}

typedef struct transpose_job {
  const char *src;
  char *dst;
  size_t rows, columns, item, blocks;
} transpose_job;

#define BLOCK 16

#define TRANSPOSE_BLOCK(type)                                                              \
  do {                                                                                     \
    const type *from = (const type *)(const void *)src;                                    \
    type *to = (type *)(void *)dst;                                                        \
    for (size_t c = 0; c < job->columns; c++) {                                            \
      for (size_t r = r0; r < r1; r++) to[c * job->rows + r] = from[r * job->columns + c]; \
    }                                                                                      \
  } while (0)

static void transpose_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const transpose_job *job = argument;
  (void)thread;
  for (size_t i = begin; i < end; i++) {
    const size_t matrix = i / job->blocks * job->rows * job->columns * job->item;
    const char *src = job->src + matrix;
    char *dst = job->dst + matrix;
    const size_t r0 = i % job->blocks * BLOCK, r1 = r0 + BLOCK < job->rows ? r0 + BLOCK : job->rows;
    switch (job->item) {
      case 1: TRANSPOSE_BLOCK(uint8_t); break;
      case 2: TRANSPOSE_BLOCK(uint16_t); break;
      case 4: TRANSPOSE_BLOCK(uint32_t); break;
      default: TRANSPOSE_BLOCK(uint64_t); break;
    }
  }
}

void ek_transpose_matrices(ek_thread_pool *pool, const void *src, void *dst, size_t count, size_t rows, size_t columns,
                           size_t item) {
  transpose_job job = {src, dst, rows, columns, item, (rows + BLOCK - 1) / BLOCK};
  const size_t work = columns * BLOCK;
  ek_parallel_for(pool, count * job.blocks, work < 16384 ? 16384 / (work != 0 ? work : 1) : 1, transpose_range, &job);
}
