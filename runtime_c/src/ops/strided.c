#include "ops/strided.h"

#include <string.h>

#include "ukernels/x32_transpose/x32_transpose.h"
#include "ukernels/x8_transpose/x8_transpose.h"

/* A chunk of work below this many bytes is not worth waking a thread for. */
#define EK_COPY_GRAIN 65536
/* Transposed blocks: rows x columns whose two sides stay in the first-level cache. */
#define EK_TRANSPOSE_BLOCK 64

void ek_row_major_strides(uint32_t rank, const int64_t *dims, size_t item, int64_t *strides) {
  int64_t step = (int64_t)item;
  for (uint32_t i = rank; i-- > 0;) {
    strides[i] = step;
    step *= dims[i];
  }
}

#define EK_FILL_LOOP(type)                                                               \
  {                                                                                      \
    type v;                                                                              \
    memcpy(&v, value, sizeof v);                                                         \
    for (size_t i = 0; i < count; i++) memcpy((char *)dst + i * sizeof v, &v, sizeof v); \
    break;                                                                               \
  }

void ek_fill_elements(void *dst, const void *value, size_t item, size_t count) {
  switch (item) {
    case 1: memset(dst, *(const uint8_t *)value, count); break;
    case 2: EK_FILL_LOOP(uint16_t)
    case 4: EK_FILL_LOOP(uint32_t)
    default: EK_FILL_LOOP(uint64_t)
  }
}

typedef struct copy_bytes_job {
  char *dst;
  const char *src;
  size_t bytes;
} copy_bytes_job;

static void copy_bytes_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const copy_bytes_job *job = argument;
  const size_t from = begin * EK_COPY_GRAIN, to = end * EK_COPY_GRAIN < job->bytes ? end * EK_COPY_GRAIN : job->bytes;
  (void)thread;
  /* Parts of Concat and Split may lie in the whole: where a file places them badly the result is wrong, but nothing worse. */
  memmove(job->dst + from, job->src + from, to - from);
}

void ek_copy_bytes(ek_op_context *ctx, void *dst, const void *src, size_t bytes) {
  copy_bytes_job job = {dst, src, bytes};
  if (dst != src && bytes != 0) {
    ek_parallel_for(ctx->pool, (bytes + EK_COPY_GRAIN - 1) / EK_COPY_GRAIN, 1, copy_bytes_range, &job);
  }
}

/* Drops dimensions of one element, joins those that are contiguous in both layouts, and lets a last dimension that is
 * contiguous on both sides become part of the element. */
static void simplify(ek_strided *p) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < p->rank; i++) {
    if (p->dims[i] == 1) continue;
    if (n > 0 && p->src[n - 1] == p->src[i] * p->dims[i] && p->dst[n - 1] == p->dst[i] * p->dims[i]) {
      p->dims[n - 1] *= p->dims[i];
    } else {
      p->dims[n++] = p->dims[i];
    }
    p->src[n - 1] = p->src[i];
    p->dst[n - 1] = p->dst[i];
  }
  p->rank = n;
  if (n > 0 && p->src[n - 1] == (int64_t)p->item && p->dst[n - 1] == (int64_t)p->item) {
    p->item *= (size_t)p->dims[n - 1];
    p->rank--;
  }
}

typedef struct strided_job {
  ek_strided plan; /* the outer dimensions only */
  char *dst;
  const char *src;
  size_t item;
  int64_t count, src_step, dst_step; /* the inner loop, where there is no transposition */
  int64_t cols, col_step;            /* cols > 0: a transposition of count rows; row c goes to dst + c * col_step */
  ek_x8_transpose_fn *x8;
  ek_x32_transpose_fn *x32;
} strided_job;

/* An element may be several smaller ones joined: it has their alignment only, so it is copied as bytes. */
#define EK_STRIDED_LOOP(size) \
  for (int64_t i = 0; i < n; i++, src += src_step, dst += dst_step) memmove(dst, src, size)

static void copy_run(char *dst, int64_t dst_step, const char *src, int64_t src_step, int64_t n, size_t item) {
  if (src_step == 0 && dst_step == (int64_t)item && (item == 1 || item == 2 || item == 4 || item == 8)) {
    ek_fill_elements(dst, src, item, (size_t)n);
    return;
  }
  switch (item) {
    case 1: EK_STRIDED_LOOP(1); break;
    case 2: EK_STRIDED_LOOP(2); break;
    case 4: EK_STRIDED_LOOP(4); break;
    case 8: EK_STRIDED_LOOP(8); break;
    default: EK_STRIDED_LOOP(item); break;
  }
}

static void transpose_block(const strided_job *job, char *dst, const char *src, int64_t rows, int64_t cols) {
  const int64_t rs = job->src_step, cd = job->col_step;
  switch (job->item) {
    case 1: job->x8((size_t)rows, (size_t)cols, src, (ptrdiff_t)rs, dst, (ptrdiff_t)cd); break;
    case 4: job->x32((size_t)rows, (size_t)cols, src, (ptrdiff_t)rs, dst, (ptrdiff_t)cd); break;
    case 2:
      for (int64_t c = 0; c < cols; c++) copy_run(dst + c * cd, 2, src + c * 2, rs, rows, 2);
      break;
    default:
      for (int64_t c = 0; c < cols; c++) copy_run(dst + c * cd, 8, src + c * 8, rs, rows, 8);
      break;
  }
}

static void transpose_plane(const strided_job *job, char *dst, const char *src) {
  for (int64_t r = 0; r < job->count; r += EK_TRANSPOSE_BLOCK) {
    const int64_t rows = job->count - r < EK_TRANSPOSE_BLOCK ? job->count - r : EK_TRANSPOSE_BLOCK;
    for (int64_t c = 0; c < job->cols; c += EK_TRANSPOSE_BLOCK) {
      const int64_t cols = job->cols - c < EK_TRANSPOSE_BLOCK ? job->cols - c : EK_TRANSPOSE_BLOCK;
      transpose_block(job, dst + r * (int64_t)job->item + c * job->col_step,
                      src + r * job->src_step + c * (int64_t)job->item, rows, cols);
    }
  }
}

static void strided_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const strided_job *job = argument;
  const ek_strided *p = &job->plan;
  int64_t at[EK_STRIDED_MAX_RANK] = {0};
  const char *src = job->src;
  char *dst = job->dst;
  size_t rest = begin;
  (void)thread;
  for (uint32_t i = p->rank; i-- > 0;) {
    at[i] = (int64_t)(rest % (size_t)p->dims[i]);
    rest /= (size_t)p->dims[i];
    src += at[i] * p->src[i];
    dst += at[i] * p->dst[i];
  }
  for (size_t k = begin; k < end; k++) {
    if (job->cols > 0) {
      transpose_plane(job, dst, src);
    } else {
      copy_run(dst, job->dst_step, src, job->src_step, job->count, job->item);
    }
    for (uint32_t i = p->rank; i-- > 0;) {
      src += p->src[i];
      dst += p->dst[i];
      if (++at[i] < p->dims[i]) break;
      src -= at[i] * p->src[i];
      dst -= at[i] * p->dst[i];
      at[i] = 0;
    }
  }
}

static void remove_dim(ek_strided *p, uint32_t at) {
  for (uint32_t i = at; i + 1 < p->rank; i++) {
    p->dims[i] = p->dims[i + 1];
    p->src[i] = p->src[i + 1];
    p->dst[i] = p->dst[i + 1];
  }
  p->rank--;
}

void ek_copy_strided(ek_op_context *ctx, ek_strided plan, void *dst, const void *src) {
  for (uint32_t i = 0; i < plan.rank; i++) {
    if (plan.dims[i] == 0) return;
  }
  if (plan.item == 0) return;
  simplify(&plan);
  if (plan.rank == 0) {
    ek_copy_bytes(ctx, dst, src, plan.item);
    return;
  }
  strided_job job = {.dst = dst, .src = src, .item = plan.item};
  const uint32_t last = plan.rank - 1;
  job.count = plan.dims[last];
  job.src_step = plan.src[last];
  job.dst_step = plan.dst[last];
  plan.rank--;
  const bool small = job.item == 1 || job.item == 2 || job.item == 4 || job.item == 8;
  for (uint32_t i = 0; i < plan.rank && small && job.dst_step == (int64_t)job.item; i++) {
    if (plan.src[i] == (int64_t)job.item) {
      job.cols = plan.dims[i];
      job.col_step = plan.dst[i];
      job.x8 = ek_x8_transpose_select(ctx->cpu_features)->fn;
      job.x32 = ek_x32_transpose_select(ctx->cpu_features)->fn;
      remove_dim(&plan, i);
      /* one plane alone is cut into strips, so that threads share it */
      if (plan.rank == 0 && job.cols > EK_TRANSPOSE_BLOCK) {
        const int64_t strips = job.cols / EK_TRANSPOSE_BLOCK;
        strided_job tail = job;
        plan.rank = 1;
        plan.dims[0] = strips;
        plan.src[0] = EK_TRANSPOSE_BLOCK * (int64_t)job.item;
        plan.dst[0] = EK_TRANSPOSE_BLOCK * job.col_step;
        tail.cols = job.cols - strips * EK_TRANSPOSE_BLOCK;
        if (tail.cols > 0) transpose_plane(&tail, tail.dst + strips * plan.dst[0], tail.src + strips * plan.src[0]);
        job.cols = EK_TRANSPOSE_BLOCK;
      }
      break;
    }
  }
  if (plan.rank == 0 && job.cols == 0 && job.item >= 256) { /* long runs alone: threads share them */
    plan.rank = 1;
    job.count = 1;
  }
  size_t outer = 1;
  for (uint32_t i = 0; i < plan.rank; i++) outer *= (size_t)plan.dims[i];
  const size_t each = (size_t)job.count * job.item * (size_t)(job.cols > 0 ? job.cols : 1);
  job.plan = plan;
  ek_parallel_for(ctx->pool, outer, each == 0 || each >= EK_COPY_GRAIN ? 1 : EK_COPY_GRAIN / each + 1, strided_range,
                  &job);
}
