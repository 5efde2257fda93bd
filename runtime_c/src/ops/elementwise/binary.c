#include "ops/elementwise/binary.h"

#include "base/requantize.h"
#include "ops/elementwise/broadcast.h"
#include "ukernels/qs8_vadd/qs8_vadd.h"
#include "ukernels/qs8_vmul/qs8_vmul.h"

int32_t ek_to_quantized(float x, const ek_binary_params *p) {
  x = x == x ? x : 0.0f;
  x = x < p->low ? p->low : x;
  x = p->high < x ? p->high : x;
  return ek_round_nearest_even(x) + p->y_zero;
}

void ek_multipliers_sum(double sa, double sb, double sy, ek_binary_params *p) {
  p->ma = (float)(sa / sy);
  p->mb = (float)(sb / sy);
}

ek_status ek_binary_shape(ek_op_context *ctx) {
  return ek_broadcast_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0), ek_input(ctx, 1));
}

/* How these tensors are computed: exactly one of the three. */
typedef struct ek_binary_path {
  ek_binary_loop *loop;
  const ek_f32_vbinary_row *f32;
  const ek_qs8_vadd_row *vadd;
  const ek_qs8_vmul_row *vmul;
} ek_binary_path;

static bool is_quantized(const ek_op_context *ctx, const ek_binary_def *def) {
  const ek_tensor *a = ek_input(ctx, 0), *b = ek_input(ctx, 1), *y = ek_output(ctx, 0);
  return def->quantized != NULL && (a->quant != NULL || b->quant != NULL || y->quant != NULL);
}

static ek_binary_path choose(const ek_op_context *ctx, const ek_binary_def *def) {
  const ek_dtype dtype = ek_input(ctx, 0)->dtype;
  ek_binary_path path = {0};
  if (is_quantized(ctx, def)) {
    if (dtype == EK_I8 && def->qs8 == EK_QS8_VADD) {
      path.vadd = ek_qs8_vadd_select(ctx->cpu_features);
    } else if (dtype == EK_I8 && def->qs8 == EK_QS8_VMUL) {
      path.vmul = ek_qs8_vmul_select(ctx->cpu_features);
    } else {
      path.loop = def->quantized[dtype];
    }
  } else if (dtype == EK_F32 && def->loops[EK_F32] == NULL) {
    path.f32 = ek_f32_vbinary_select(ctx->cpu_features);
  } else {
    path.loop = def->loops[dtype];
  }
  return path;
}

static void read_params(const ek_op_context *ctx, const ek_binary_def *def, ek_binary_params *p) {
  const ek_tensor *a = ek_input(ctx, 0), *b = ek_input(ctx, 1), *y = ek_output(ctx, 0);
  *p = (ek_binary_params){.min = -INFINITY, .max = INFINITY};
  if (def->attributes != NULL) {
    def->attributes(ctx->attrs, p);
  }
  p->clamped = p->min > -INFINITY || p->max < INFINITY;
  if (is_quantized(ctx, def)) {
    p->a_zero = a->quant->zero_point[0];
    p->b_zero = b->quant->zero_point[0];
    p->y_zero = y->quant->zero_point[0];
    ek_quantized_clamp(y, p->min, p->max, &p->q_min, &p->q_max);
    p->low = (float)(p->q_min - p->y_zero);
    p->high = (float)(p->q_max - p->y_zero);
    def->multipliers(a->quant->scale[0], b->quant->scale[0], y->quant->scale[0], p);
  } else if (p->clamped && y->dtype != EK_F32 && y->dtype != EK_F16 && y->dtype != EK_F64) {
    p->hold = ek_integer_clamp(p->min, p->max, y->dtype);
  }
}

ek_status ek_binary_prepare(ek_op_context *ctx, ek_op_memory *memory, const ek_binary_def *def) {
  if (is_quantized(ctx, def)) {
    EK_TRY(ek_check_quant(ctx, ek_input(ctx, 0), false));
    EK_TRY(ek_check_quant(ctx, ek_input(ctx, 1), false));
    EK_TRY(ek_check_quant(ctx, ek_output(ctx, 0), false));
    ek_binary_params p;
    read_params(ctx, def, &p);
    if (!ek_multiplier_is_sane(p.ma) || !ek_multiplier_is_sane(p.mb) || !ek_multiplier_is_sane(p.m)) {
      return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "the scales differ too much");
    }
  }
  const ek_binary_path path = choose(ctx, def);
  if (path.loop == NULL && path.f32 == NULL && path.vadd == NULL && path.vmul == NULL) {
    return ek_op_unsupported_type(ctx, ek_input(ctx, 0));
  }
  memory->kernel = path.f32 != NULL    ? path.f32->info.name
                   : path.vadd != NULL ? path.vadd->info.name
                   : path.vmul != NULL ? path.vmul->info.name
                                       : NULL;
  return EK_OK;
}

typedef struct ek_binary_job {
  const void *a, *b;
  void *y;
  size_t a_size, y_size; /* bytes of an element of a and b, and of y */
  size_t b_size;
  ek_binary_path path;
  ek_binary_params params;
  ek_f32_vbinary_args f32;
  ek_qs8_vadd_args vadd;
  ek_qs8_vmul_args vmul;
} ek_binary_job;

static void run_row(const void *argument, const ek_broadcast *plan, size_t n, const size_t *offset, size_t y_offset) {
  const ek_binary_job *job = argument;
  const void *a = (const char *)job->a + offset[0] * job->a_size, *b = (const char *)job->b + offset[1] * job->b_size;
  void *y = (char *)job->y + y_offset * job->y_size;
  if (job->path.f32 != NULL) {
    job->path.f32->fn(n, a, b, y, &job->f32);
  } else if (job->path.vadd != NULL) {
    job->path.vadd->fn(n, a, b, y, &job->vadd);
  } else if (job->path.vmul != NULL) {
    job->path.vmul->fn(n, a, b, y, &job->vmul);
  } else {
    job->path.loop(n, a, plan->step[0], b, plan->step[1], y, &job->params);
  }
}

ek_status ek_binary_run(ek_op_context *ctx, const ek_binary_def *def) {
  const ek_tensor *operands[2] = {ek_input(ctx, 0), ek_input(ctx, 1)};
  ek_tensor *y = ek_output(ctx, 0);
  ek_broadcast plan;
  ek_broadcast_plan(&plan, y, operands, 2);
  ek_binary_job job = {.a = operands[0]->data,
                       .b = operands[1]->data,
                       .y = y->data,
                       .a_size = ek_dtype_size(operands[0]->dtype),
                       .b_size = ek_dtype_size(operands[1]->dtype),
                       .y_size = ek_dtype_size(y->dtype),
                       .path = choose(ctx, def)};
  read_params(ctx, def, &job.params);
  const ek_binary_params *p = &job.params;
  job.f32 = (ek_f32_vbinary_args){def->f32_function, plan.step[0], plan.step[1], p->min, p->max};
  job.vadd =
      (ek_qs8_vadd_args){p->a_zero, p->b_zero, p->y_zero, p->ma, p->mb, p->q_min, p->q_max, plan.step[0], plan.step[1]};
  job.vmul = (ek_qs8_vmul_args){p->a_zero, p->b_zero, p->y_zero, p->m, p->q_min, p->q_max, plan.step[0], plan.step[1]};
  ek_broadcast_run(ctx->pool, &plan, run_row, &job);
  return EK_OK;
}
