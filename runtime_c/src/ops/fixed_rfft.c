/* FixedRfft: the Fourier transform of real fixed-point numbers, rounding where KISS FFT rounds. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/circle.h"
#include "ops/index.h"
#include "ops/memory.h"

#define EK_FIXED_RFFT_LARGEST (INT64_C(1) << 24)

typedef struct fixed_pair {
  int32_t re, im;
} fixed_pair;

typedef struct fixed_job {
  const fixed_pair *table; /* table[k]: the k-th root of length / 2 */
  const fixed_pair *join;  /* join[k - 1]: what joins bins k and length / 2 - k, for k from 1 to length / 4 */
  char *scratch;
  size_t scratch_of_thread;
  const ek_tensor *x;
  ek_tensor *y;
  int64_t length, used;
  int bits; /* behind the point: 15 or 31 */
  bool inverse;
} fixed_job;

static ek_status fixed_rfft_shape(ek_op_context *ctx) {
  const ek_fixed_rfft_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  const int64_t n = attrs->length;
  if (n < 4 || (n & (n - 1)) != 0 || n > EK_FIXED_RFFT_LARGEST) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a transform of length %lld: a power of two from 4 on is needed",
                      (long long)n);
  }
  int64_t dims[EK_MAX_RANK];
  memcpy(dims, x->dims, sizeof dims);
  if (attrs->inverse) {
    if (x->rank < 2 || x->dims[x->rank - 2] != n / 2 + 1 || x->dims[x->rank - 1] != 2) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "bins [..., %lld, 2] are needed", (long long)(n / 2 + 1));
    }
    dims[x->rank - 2] = n;
    return ek_set_dims(ctx, ek_output(ctx, 0), x->rank - 1, dims);
  }
  if (x->rank < 1 || x->rank >= EK_MAX_RANK || x->dims[x->rank - 1] > n) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a tensor [..., n] with n at most %lld is needed", (long long)n);
  }
  dims[x->rank - 1] = n / 2 + 1;
  dims[x->rank] = 2;
  return ek_set_dims(ctx, ek_output(ctx, 0), x->rank + 1, dims);
}

static size_t buffer_bytes(int64_t length) { return ek_align_size((size_t)(length / 2) * sizeof(fixed_pair)); }

static ek_status fixed_rfft_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_fixed_rfft_attrs *attrs = ctx->attrs;
  memory->state_bytes = buffer_bytes(attrs->length) + (size_t)(attrs->length / 4) * sizeof(fixed_pair);
  memory->scratch_bytes = ek_mul_size(2 * buffer_bytes(attrs->length), ctx->threads);
  if (memory->scratch_bytes == SIZE_MAX) return ek_op_fail(ctx, EK_ERR_SHAPE, "the transform is too long");
  return EK_OK;
}

static int32_t to_fixed(double v, int bits) { return (int32_t)floor(0.5 + (double)((INT64_C(1) << bits) - 1) * v); }

static ek_status fixed_rfft_init(ek_op_context *ctx) {
  const ek_fixed_rfft_attrs *attrs = ctx->attrs;
  const int64_t n = attrs->length;
  const int bits = ek_input(ctx, 0)->dtype == EK_I16 ? 15 : 31;
  const double sign = attrs->inverse ? 1.0 : -1.0;
  fixed_pair *table = ctx->state, *join = (fixed_pair *)(void *)((char *)ctx->state + buffer_bytes(n));
  for (int64_t k = 0; k < n / 2; k++) {
    const ek_circle_point w = ek_circle(2 * k, n);
    table[k] = (fixed_pair){to_fixed(w.cos, bits), to_fixed(sign * w.sin, bits)};
  }
  for (int64_t k = 1; k <= n / 4; k++) {
    const ek_circle_point w = ek_circle(k, n);
    join[k - 1] = (fixed_pair){to_fixed(-w.sin, bits), to_fixed(sign * w.cos, bits)};
  }
  return EK_OK;
}

/* The low bits of v as a number of the element type. */
static inline int32_t wrapped(int64_t v, int bits) { return bits == 15 ? (int16_t)(uint64_t)v : (int32_t)(uint64_t)v; }

static inline int32_t rounded(int64_t v, int bits) { return wrapped((v + (INT64_C(1) << (bits - 1))) >> bits, bits); }

static inline fixed_pair divided(fixed_pair a, int by, int bits) {
  const int64_t part = ((INT64_C(1) << bits) - 1) / by;
  return (fixed_pair){rounded(a.re * part, bits), rounded(a.im * part, bits)};
}

static inline fixed_pair pair_sum(fixed_pair a, fixed_pair b, int bits) {
  return (fixed_pair){wrapped((int64_t)a.re + b.re, bits), wrapped((int64_t)a.im + b.im, bits)};
}

static inline fixed_pair pair_difference(fixed_pair a, fixed_pair b, int bits) {
  return (fixed_pair){wrapped((int64_t)a.re - b.re, bits), wrapped((int64_t)a.im - b.im, bits)};
}

/* Sums of two products of 32-bit numbers may pass 63 bits; their low bits are what counts. */
static inline fixed_pair product(fixed_pair a, fixed_pair b, int bits) {
  const uint64_t rr = (uint64_t)((int64_t)a.re * b.re), ii = (uint64_t)((int64_t)a.im * b.im);
  const uint64_t ri = (uint64_t)((int64_t)a.re * b.im), ir = (uint64_t)((int64_t)a.im * b.re);
  const uint64_t half = UINT64_C(1) << (bits - 1);
  return (fixed_pair){wrapped((int64_t)(rr - ii + half) >> bits, bits),
                      wrapped((int64_t)(ri + ir + half) >> bits, bits)};
}

static inline int32_t halved(int64_t v, int bits) { return wrapped((int32_t)(uint64_t)v >> 1, bits); }

static void steps_of_4(const fixed_job *job, fixed_pair *out, int64_t m, int64_t step) {
  const int bits = job->bits;
  for (int64_t k = 0; k < m; k++) {
    const fixed_pair a = divided(out[k], 4, bits);
    const fixed_pair b = product(divided(out[m + k], 4, bits), job->table[k * step], bits);
    const fixed_pair c = product(divided(out[2 * m + k], 4, bits), job->table[2 * k * step], bits);
    const fixed_pair d = product(divided(out[3 * m + k], 4, bits), job->table[3 * k * step], bits);
    const fixed_pair even = pair_sum(a, c, bits), odd = pair_difference(a, c, bits);
    const fixed_pair total = pair_sum(b, d, bits), apart = pair_difference(b, d, bits);
    const fixed_pair plus = {wrapped((int64_t)odd.re + apart.im, bits), wrapped((int64_t)odd.im - apart.re, bits)};
    const fixed_pair minus = {wrapped((int64_t)odd.re - apart.im, bits), wrapped((int64_t)odd.im + apart.re, bits)};
    out[k] = pair_sum(even, total, bits);
    out[m + k] = job->inverse ? minus : plus;
    out[2 * m + k] = pair_difference(even, total, bits);
    out[3 * m + k] = job->inverse ? plus : minus;
  }
}

static void steps_of_2(const fixed_job *job, fixed_pair *out, int64_t m, int64_t step) {
  for (int64_t k = 0; k < m; k++) {
    const fixed_pair a = divided(out[k], 2, job->bits);
    const fixed_pair b = product(divided(out[m + k], 2, job->bits), job->table[k * step], job->bits);
    out[k] = pair_sum(a, b, job->bits);
    out[m + k] = pair_difference(a, b, job->bits);
  }
}

/* out[0 .. n) from every `stride`-th of `in`; n is a power of two, so it recurses at most 12 deep. */
static void transform(const fixed_job *job, const fixed_pair *in, int64_t stride, fixed_pair *out, int64_t n) {
  if (n == 1) {
    out[0] = in[0];
    return;
  }
  const int64_t radix = n % 4 == 0 ? 4 : 2, m = n / radix;
  for (int64_t q = 0; q < radix; q++) transform(job, in + q * stride, stride * radix, out + q * m, m);
  (radix == 4 ? steps_of_4 : steps_of_2)(job, out, m, stride);
}

static int32_t fixed_at(const ek_tensor *t, int64_t i) {
  return t->dtype == EK_I16 ? ((const int16_t *)t->data)[i] : ((const int32_t *)t->data)[i];
}

static void put(const fixed_job *job, int64_t i, int64_t value) {
  if (job->bits == 15) {
    ((int16_t *)job->y->data)[i] = (int16_t)wrapped(value, 15);
  } else {
    ((int32_t *)job->y->data)[i] = wrapped(value, 31);
  }
}

static void forward(const fixed_job *job, int64_t from, int64_t to, fixed_pair *in, fixed_pair *out) {
  const int bits = job->bits;
  const int64_t half = job->length / 2;
  for (int64_t j = 0; j < half; j++) {
    in[j].re = 2 * j < job->used ? fixed_at(job->x, from + 2 * j) : 0;
    in[j].im = 2 * j + 1 < job->used ? fixed_at(job->x, from + 2 * j + 1) : 0;
  }
  transform(job, in, 1, out, half);
  const fixed_pair first = divided(out[0], 2, bits);
  put(job, to, (int64_t)first.re + first.im);
  put(job, to + 1, 0);
  put(job, to + 2 * half, (int64_t)first.re - first.im);
  put(job, to + 2 * half + 1, 0);
  for (int64_t k = 1; k <= half / 2; k++) {
    const fixed_pair mirrored = {out[half - k].re, wrapped(-(int64_t)out[half - k].im, bits)};
    const fixed_pair low = divided(out[k], 2, bits), high = divided(mirrored, 2, bits);
    const fixed_pair f = pair_sum(low, high, bits);
    const fixed_pair t = product(pair_difference(low, high, bits), job->join[k - 1], bits);
    put(job, to + 2 * k, halved((int64_t)f.re + t.re, bits));
    put(job, to + 2 * k + 1, halved((int64_t)f.im + t.im, bits));
    put(job, to + 2 * (half - k), halved((int64_t)f.re - t.re, bits));
    put(job, to + 2 * (half - k) + 1, halved((int64_t)t.im - f.im, bits));
  }
}

static void backward(const fixed_job *job, int64_t from, int64_t to, fixed_pair *in, fixed_pair *out) {
  const int bits = job->bits;
  const int64_t half = job->length / 2;
  const int64_t first = fixed_at(job->x, from), last = fixed_at(job->x, from + 2 * half);
  in[0] = divided((fixed_pair){wrapped(first + last, bits), wrapped(first - last, bits)}, 2, bits);
  for (int64_t k = 1; k <= half / 2; k++) {
    const int64_t a = from + 2 * k, b = from + 2 * (half - k);
    const fixed_pair low = divided((fixed_pair){fixed_at(job->x, a), fixed_at(job->x, a + 1)}, 2, bits);
    const int32_t mirrored = wrapped(-(int64_t)fixed_at(job->x, b + 1), bits);
    const fixed_pair high = divided((fixed_pair){fixed_at(job->x, b), mirrored}, 2, bits);
    const fixed_pair even = pair_sum(low, high, bits);
    const fixed_pair odd = product(pair_difference(low, high, bits), job->join[k - 1], bits);
    const fixed_pair apart = pair_difference(even, odd, bits);
    in[k] = pair_sum(even, odd, bits);
    in[half - k] = (fixed_pair){apart.re, wrapped(-(int64_t)apart.im, bits)};
  }
  transform(job, in, 1, out, half);
  for (int64_t j = 0; j < half; j++) {
    put(job, to + 2 * j, out[j].re);
    put(job, to + 2 * j + 1, out[j].im);
  }
}

static void fixed_rfft_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const fixed_job *job = argument;
  fixed_pair *in = (fixed_pair *)(void *)(job->scratch + thread * job->scratch_of_thread);
  fixed_pair *out = (fixed_pair *)(void *)(job->scratch + thread * job->scratch_of_thread + job->scratch_of_thread / 2);
  for (size_t i = begin; i < end; i++) {
    if (job->inverse) {
      backward(job, (int64_t)i * (job->length + 2), (int64_t)i * job->length, in, out);
    } else {
      forward(job, (int64_t)i * job->used, (int64_t)i * (job->length + 2), in, out);
    }
  }
}

static ek_status fixed_rfft_run(ek_op_context *ctx) {
  const ek_fixed_rfft_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  fixed_job job = {.table = ctx->state, .scratch = ctx->scratch, .x = x, .y = y, .length = attrs->length};
  job.join = (const fixed_pair *)(const void *)((const char *)ctx->state + buffer_bytes(attrs->length));
  job.scratch_of_thread = 2 * buffer_bytes(attrs->length);
  job.used = x->dims[x->rank - 1];
  job.bits = x->dtype == EK_I16 ? 15 : 31;
  job.inverse = attrs->inverse;
  const uint32_t outer = attrs->inverse ? y->rank - 1 : x->rank - 1;
  const size_t lines = (size_t)ek_dims_product(x->dims, 0, outer);
  ek_parallel_for(ctx->pool, lines, (size_t)(4096 / attrs->length + 1), fixed_rfft_range, &job);
  return EK_OK;
}

const ek_op ek_op_fixed_rfft = {"FixedRfft", fixed_rfft_shape, fixed_rfft_prepare, fixed_rfft_init, fixed_rfft_run};
