/* Dft: the discrete Fourier transform, in double precision. Lengths split into their prime factors (and fours); a real input
 * of even length is transformed as a complex one of half the length. */
#include "ek_ops_gen.h"
#include "ops/circle.h"
#include "ops/index.h"
#include "ops/memory.h"

#define EK_DFT_LARGEST (INT64_C(1) << 24)
#define EK_DFT_FACTORS 24

typedef ek_circle_point complex_number; /* cos: real part, sin: imaginary part */

typedef struct dft_job {
  const complex_number *table; /* table[k] lies k / length of a turn from 1 */
  char *scratch;
  size_t scratch_of_thread;
  const float *x;
  float *y;
  int64_t length, used, parts, out_bins, out_parts;
  int64_t factors[EK_DFT_FACTORS];
  bool inverse, real_half;
} dft_job;

static ek_status dft_shape(ek_op_context *ctx) {
  const ek_dft_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  if (x->rank < 2 || x->dims[x->rank - 1] < 1 || x->dims[x->rank - 1] > 2) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a tensor [..., n, 1 or 2] is needed");
  }
  if (attrs->length < 1 || attrs->length > EK_DFT_LARGEST) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a transform of length %lld", (long long)attrs->length);
  }
  int64_t dims[EK_MAX_RANK];
  memcpy(dims, x->dims, sizeof dims);
  dims[x->rank - 2] = attrs->onesided && !attrs->inverse ? attrs->length / 2 + 1 : attrs->length;
  dims[x->rank - 1] = attrs->onesided && attrs->inverse ? 1 : 2;
  return ek_set_dims(ctx, ek_output(ctx, 0), x->rank, dims);
}

/* Input, output, and the terms of one butterfly. */
static size_t scratch_of_thread(int64_t length) { return 3 * ek_align_size((size_t)length * sizeof(complex_number)); }

static ek_status dft_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_dft_attrs *attrs = ctx->attrs;
  memory->state_bytes = (size_t)attrs->length * sizeof(complex_number);
  memory->scratch_bytes = ek_mul_size(scratch_of_thread(attrs->length), ctx->threads);
  if (memory->scratch_bytes == SIZE_MAX) return ek_op_fail(ctx, EK_ERR_SHAPE, "the transform is too long");
  return EK_OK;
}

static ek_status dft_init(ek_op_context *ctx) {
  const ek_dft_attrs *attrs = ctx->attrs;
  complex_number *table = ctx->state;
  for (int64_t k = 0; k < attrs->length; k++) table[k] = ek_circle(k, attrs->length);
  return EK_OK;
}

static void find_factors(int64_t n, int64_t *factors) {
  int64_t p = 4;
  while (n > 1) {
    while (n % p != 0) {
      p = p == 4 ? 2 : p == 2 ? 3 : p + 2;
      if (p * p > n) p = n;
    }
    *factors++ = p;
    n /= p;
  }
}

/* a times the conjugate of a table entry: a turn backwards. */
static complex_number turned(complex_number a, complex_number w) {
  return (complex_number){a.cos * w.cos + a.sin * w.sin, a.sin * w.cos - a.cos * w.sin};
}
static complex_number sum(complex_number a, complex_number b) { return (complex_number){a.cos + b.cos, a.sin + b.sin}; }
static complex_number difference(complex_number a, complex_number b) {
  return (complex_number){a.cos - b.cos, a.sin - b.sin};
}

static void butterfly_2(const dft_job *job, complex_number *out, int64_t m, int64_t step) {
  for (int64_t k = 0; k < m; k++) {
    const complex_number a = out[k], b = turned(out[m + k], job->table[k * step]);
    out[k] = sum(a, b);
    out[m + k] = difference(a, b);
  }
}

static void butterfly_4(const dft_job *job, complex_number *out, int64_t m, int64_t step) {
  for (int64_t k = 0; k < m; k++) {
    const complex_number a = out[k], b = turned(out[m + k], job->table[k * step]);
    const complex_number c = turned(out[2 * m + k], job->table[2 * k * step]);
    const complex_number d = turned(out[3 * m + k], job->table[3 * k * step]);
    const complex_number even = sum(a, c), odd = difference(a, c), total = sum(b, d), apart = difference(b, d);
    out[k] = sum(even, total);
    out[m + k] = (complex_number){odd.cos + apart.sin, odd.sin - apart.cos};
    out[2 * m + k] = difference(even, total);
    out[3 * m + k] = (complex_number){odd.cos - apart.sin, odd.sin + apart.cos};
  }
}

static void butterfly(const dft_job *job, complex_number *out, complex_number *terms, int64_t radix, int64_t m,
                      int64_t step) {
  const int64_t turn = job->length / radix;
  for (int64_t k = 0; k < m; k++) {
    for (int64_t q = 0; q < radix; q++) terms[q] = turned(out[q * m + k], job->table[q * k * step]);
    for (int64_t j = 0; j < radix; j++) {
      complex_number total = terms[0];
      for (int64_t q = 1, at = j; q < radix; q++) {
        total = sum(total, turned(terms[q], job->table[at * turn]));
        at = at + j < radix ? at + j : at + j - radix;
      }
      out[j * m + k] = total;
    }
  }
}

/* out[0 .. n) from every `stride`-th of `in`. Recurses once a factor. */
static void transform(const dft_job *job, const complex_number *in, int64_t stride, complex_number *out,
                      complex_number *terms, int64_t n, uint32_t level) {
  if (n == 1) {
    out[0] = in[0];
    return;
  }
  const int64_t radix = job->factors[level], m = n / radix, step = job->length / n;
  for (int64_t q = 0; q < radix; q++) {
    transform(job, in + q * stride, stride * radix, out + q * m, terms, m, level + 1);
  }
  switch (radix) {
    case 2: butterfly_2(job, out, m, step); break;
    case 4: butterfly_4(job, out, m, step); break;
    default: butterfly(job, out, terms, radix, m, step);
  }
}

static void write_bin(const dft_job *job, float *y, int64_t k, double re, double im) {
  y[k * job->out_parts] = (float)re;
  if (job->out_parts == 2) y[k * 2 + 1] = (float)im;
}

/* Even and odd samples stand as real and imaginary parts: their transforms come apart by symmetry. */
static void real_line(const dft_job *job, const float *x, float *y, complex_number *in, complex_number *out,
                      complex_number *terms) {
  const int64_t n = job->length, half = n / 2;
  for (int64_t j = 0; j < half; j++) {
    in[j].cos = 2 * j < job->used ? (double)x[2 * j] : 0.0;
    in[j].sin = 2 * j + 1 < job->used ? (double)x[2 * j + 1] : 0.0;
  }
  transform(job, in, 1, out, terms, half, 0);
  for (int64_t k = 0; k <= half; k++) {
    const complex_number z = out[k == half ? 0 : k], far = out[k == 0 ? 0 : half - k];
    const complex_number even = {0.5 * (z.cos + far.cos), 0.5 * (z.sin - far.sin)};
    const complex_number odd = {0.5 * (z.sin + far.sin), 0.5 * (far.cos - z.cos)};
    const complex_number bin = sum(even, turned(odd, job->table[k]));
    write_bin(job, y, k, bin.cos, bin.sin);
    if (job->out_bins == n && k > 0 && k < half) write_bin(job, y, n - k, bin.cos, -bin.sin);
  }
}

static void complex_line(const dft_job *job, const float *x, float *y, complex_number *in, complex_number *out,
                         complex_number *terms) {
  const int64_t n = job->length;
  const double sign = job->inverse ? -1.0 : 1.0, scale = job->inverse ? 1.0 / (double)n : 1.0;
  for (int64_t j = 0; j < n; j++) {
    const bool there = j < job->used;
    in[j].cos = there ? (double)x[j * job->parts] : 0.0;
    in[j].sin = there && job->parts == 2 ? sign * (double)x[j * 2 + 1] : 0.0;
  }
  if (job->out_parts == 1) { /* the upper half is the mirror image of the lower */
    for (int64_t j = 1; j <= (n - 1) / 2; j++) in[n - j] = (complex_number){in[j].cos, -in[j].sin};
  }
  transform(job, in, 1, out, terms, n, 0);
  for (int64_t k = 0; k < job->out_bins; k++) write_bin(job, y, k, scale * out[k].cos, scale * sign * out[k].sin);
}

static void dft_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const dft_job *job = argument;
  char *scratch = job->scratch + thread * job->scratch_of_thread;
  complex_number *buffers[3];
  for (size_t b = 0; b < 3; b++) buffers[b] = (complex_number *)(void *)(scratch + b * (job->scratch_of_thread / 3));
  for (size_t i = begin; i < end; i++) {
    const float *x = job->x + i * (size_t)(job->used * job->parts);
    float *y = job->y + i * (size_t)(job->out_bins * job->out_parts);
    (job->real_half ? real_line : complex_line)(job, x, y, buffers[0], buffers[1], buffers[2]);
  }
}

static ek_status dft_run(ek_op_context *ctx) {
  const ek_dft_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  dft_job job = {.table = ctx->state, .scratch = ctx->scratch, .scratch_of_thread = scratch_of_thread(attrs->length)};
  job.x = x->data;
  job.y = y->data;
  job.length = attrs->length;
  job.used = x->dims[x->rank - 2];
  job.parts = x->dims[x->rank - 1];
  job.out_bins = y->dims[y->rank - 2];
  job.out_parts = y->dims[y->rank - 1];
  job.inverse = attrs->inverse;
  job.real_half = job.parts == 1 && !attrs->inverse && attrs->length % 2 == 0;
  find_factors(job.real_half ? job.length / 2 : job.length, job.factors);
  const size_t lines = (size_t)ek_dims_product(y->dims, 0, y->rank - 2);
  ek_parallel_for(ctx->pool, lines, (size_t)(4096 / attrs->length + 1), dft_range, &job);
  return EK_OK;
}

const ek_op ek_op_dft = {"Dft", dft_shape, dft_prepare, dft_init, dft_run};
