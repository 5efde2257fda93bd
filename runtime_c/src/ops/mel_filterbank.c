/* MelFilterbank: triangular filters on the mel scale over a spectrum of magnitudes. */
#include <math.h>

#include "ek_ops_gen.h"
#include "ops/index.h"
#include "ops/memory.h"

static double mel_of(double hertz) { return 1127.0 * log1p(hertz / 700.0); }

static ek_status mel_filterbank_shape(ek_op_context *ctx) {
  const ek_mel_filterbank_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  if (x->rank < 1 || x->dims[x->rank - 1] < 2 || ek_tensor_elements(ek_input(ctx, 1)) != 1) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a spectrum [..., bins] of 2 bins or more and one sample rate are needed");
  }
  const double low = (double)attrs->lower_limit, high = (double)attrs->upper_limit;
  if (attrs->channels < 1 || attrs->channels > 1 << 16 || !(low >= 0.0) || !(low < high) || isinf(high)) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%lld filters from %g to %g Hz", (long long)attrs->channels, low, high);
  }
  int64_t dims[EK_MAX_RANK];
  memcpy(dims, x->dims, sizeof dims);
  dims[x->rank - 1] = attrs->channels;
  return ek_set_dims(ctx, ek_output(ctx, 0), x->rank, dims);
}

/* A bin's share of the filter below it; the filter `band` takes the rest. */
typedef struct mel_bin {
  double weight;
  int64_t band;
} mel_bin;

static size_t totals_bytes(int64_t channels) { return ek_align_size((size_t)channels * sizeof(double)); }

static ek_status mel_filterbank_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_mel_filterbank_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  const size_t totals = ek_mul_size(totals_bytes(attrs->channels), ctx->threads);
  memory->scratch_bytes = ek_add_size(totals, ek_mul_size((size_t)x->dims[x->rank - 1], sizeof(mel_bin)));
  if (memory->scratch_bytes == SIZE_MAX) return ek_op_fail(ctx, EK_ERR_SHAPE, "too many bins");
  return EK_OK;
}

typedef struct mel_job {
  const mel_bin *bins;
  char *totals;
  const float *x;
  float *y;
  int64_t n, channels, first, last;
} mel_job;

static void mel_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const mel_job *job = argument;
  double *totals = (double *)(void *)(job->totals + thread * totals_bytes(job->channels));
  for (size_t line = begin; line < end; line++) {
    const float *x = job->x + line * (size_t)job->n;
    for (int64_t c = 0; c < job->channels; c++) totals[c] = 0.0;
    for (int64_t i = job->first; i <= job->last; i++) {
      const mel_bin *bin = &job->bins[i];
      const double v = (double)x[i];
      if (bin->band > 0) totals[bin->band - 1] += v * bin->weight;
      if (bin->band < job->channels) totals[bin->band] += v * (1.0 - bin->weight);
    }
    for (int64_t c = 0; c < job->channels; c++) job->y[line * (size_t)job->channels + (size_t)c] = (float)totals[c];
  }
}

static ek_status mel_filterbank_run(ek_op_context *ctx) {
  const ek_mel_filterbank_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  const int32_t rate = *(const int32_t *)ek_input(ctx, 1)->data;
  if (rate <= 0) return ek_op_fail(ctx, EK_ERR_SHAPE, "a sample rate of %d Hz", (int)rate);
  mel_job job = {.x = x->data, .y = ek_output(ctx, 0)->data, .n = x->dims[x->rank - 1], .channels = attrs->channels};
  const size_t bins_at = totals_bytes(attrs->channels) * ctx->threads;
  if (bins_at + (size_t)job.n * sizeof(mel_bin) > ctx->scratch_bytes) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "more bins than planned");
  }
  mel_bin *bins = (mel_bin *)(void *)((char *)ctx->scratch + bins_at);
  const double low = mel_of((double)attrs->lower_limit), high = mel_of((double)attrs->upper_limit);
  const double spacing = (high - low) / (double)(attrs->channels + 1);
  const double hertz = 0.5 * (double)rate / (double)(job.n - 1);
  job.first = (int64_t)fmin(1.5 + (double)attrs->lower_limit / hertz, (double)job.n);
  job.last = (int64_t)fmin((double)attrs->upper_limit / hertz, (double)(job.n - 1));
  job.bins = bins;
  job.totals = ctx->scratch;
  int64_t band = 0;
  for (int64_t i = job.first; i <= job.last; i++) {
    const double mel = mel_of((double)i * hertz);
    while (band < attrs->channels && low + spacing * (double)(band + 1) < mel) band++;
    const double upper = low + spacing * (double)(band + 1);
    bins[i] = (mel_bin){(upper - mel) / (upper - (low + spacing * (double)band)), band};
  }
  ek_parallel_for(ctx->pool, (size_t)ek_dims_product(x->dims, 0, x->rank - 1), (size_t)(16384 / job.n + 1), mel_range,
                  &job);
  return EK_OK;
}

const ek_op ek_op_mel_filterbank = {"MelFilterbank", mel_filterbank_shape, mel_filterbank_prepare, NULL,
                                    mel_filterbank_run};
