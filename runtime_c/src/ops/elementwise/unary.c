#include "ops/elementwise/unary.h"

#define EK_CHUNK 4096u
#define EK_TILE 256u /* elements converted at a time */

ek_status ek_unary_shape(ek_op_context *ctx) { return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0)); }

typedef struct ek_unary_job {
  const char *x;
  char *y;
  size_t count, x_size, y_size;
  ek_dtype dtype;
  ek_unary_loop *loop; /* one of these three */
  const ek_f32_vunary_row *f32;
  ek_unary_real *real;
  ek_unary_params params;
  ek_f32_vunary_args args;
} ek_unary_job;

/* Chooses the path; false where there is none for this element type. */
static bool choose(const ek_op_context *ctx, const ek_unary_def *def, ek_unary_job *job) {
  const ek_tensor *x = ek_input(ctx, 0);
  *job = (ek_unary_job){.dtype = x->dtype, .params = {.f32_function = def->f32_function}};
  if (def->attributes != NULL) {
    def->attributes(ctx->attrs, &job->params);
  }
  if (def->loops != NULL && def->loops[x->dtype] != NULL) {
    if (x->dtype != EK_F32 && x->dtype != EK_F16 && x->dtype != EK_F64 && x->dtype != EK_BOOL) {
      job->params.hold = ek_integer_clamp(job->params.p[0], job->params.p[1], x->dtype);
    }
    job->loop = def->loops[x->dtype];
    return true;
  }
  if ((x->dtype == EK_F32 || x->dtype == EK_F16) && job->params.f32_function != EK_F32_VUNARY_COUNT) {
    job->f32 = ek_f32_vunary_select(ctx->cpu_features);
    job->args = (ek_f32_vunary_args){job->params.f32_function, {job->params.p[0], job->params.p[1], job->params.p[2]}};
    return true;
  }
  job->real = x->dtype == EK_F32 || x->dtype == EK_F16 || x->dtype == EK_F64 ? def->real : NULL;
  return job->real != NULL;
}

ek_status ek_unary_prepare(ek_op_context *ctx, ek_op_memory *memory, const ek_unary_def *def) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_unary_job job;
  if (x->quant != NULL && x->dtype != EK_F32) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "a function of quantized integers must be converted to Lookup");
  }
  if (!choose(ctx, def, &job)) {
    return ek_op_unsupported_type(ctx, x);
  }
  memory->kernel = job.f32 != NULL ? job.f32->info.name : NULL;
  return EK_OK;
}

static void run_f16(const ek_unary_job *job, size_t n, const uint16_t *x, uint16_t *y) {
  float tile[EK_TILE];
  while (n > 0) {
    const size_t m = n < EK_TILE ? n : EK_TILE;
    if (job->f32 != NULL) {
      for (size_t i = 0; i < m; i++) tile[i] = ek_f16_to_f32(x[i]);
      job->f32->fn(m, tile, tile, &job->args);
      for (size_t i = 0; i < m; i++) y[i] = ek_f32_to_f16(tile[i]);
    } else {
      for (size_t i = 0; i < m; i++) y[i] = ek_f64_to_f16(job->real((double)ek_f16_to_f32(x[i]), &job->params));
    }
    n -= m;
    x += m;
    y += m;
  }
}

static void run_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const ek_unary_job *job = argument;
  const size_t from = begin * EK_CHUNK, to = end * EK_CHUNK < job->count ? end * EK_CHUNK : job->count, n = to - from;
  const void *x = job->x + from * job->x_size;
  void *y = job->y + from * job->y_size;
  (void)thread;
  if (job->loop != NULL) {
    job->loop(n, x, y, &job->params);
  } else if (job->dtype == EK_F16) {
    run_f16(job, n, x, y);
  } else if (job->f32 != NULL) {
    job->f32->fn(n, x, y, &job->args);
  } else if (job->dtype == EK_F32) {
    for (size_t i = 0; i < n; i++) ((float *)y)[i] = (float)job->real((double)((const float *)x)[i], &job->params);
  } else {
    for (size_t i = 0; i < n; i++) ((double *)y)[i] = job->real(((const double *)x)[i], &job->params);
  }
}

ek_status ek_unary_run(ek_op_context *ctx, const ek_unary_def *def) {
  const ek_tensor *x = ek_input(ctx, 0);
  ek_tensor *y = ek_output(ctx, 0);
  ek_unary_job job;
  if (!choose(ctx, def, &job)) {
    return ek_op_unsupported_type(ctx, x);
  }
  job.x = x->data;
  job.y = y->data;
  job.count = (size_t)ek_tensor_elements(x);
  job.x_size = ek_dtype_size(x->dtype);
  job.y_size = ek_dtype_size(y->dtype);
  ek_parallel_for(ctx->pool, (job.count + EK_CHUNK - 1) / EK_CHUNK, 2, run_range, &job);
  return EK_OK;
}
