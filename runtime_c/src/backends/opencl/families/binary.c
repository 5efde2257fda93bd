/* Elementwise operators of two inputs, with broadcasting. */
#include <math.h>
#include <stdio.h>

#include "backends/opencl/families/families.h"

typedef struct binary_kernel {
  uint32_t op_id;
  const char *f32, *i8;
} binary_kernel;

static const binary_kernel binary_kernels[] = {
    {EK_OP_ADD, "add_f32", "add_i8"},
    {EK_OP_SUB, "sub_f32", "sub_i8"},
    {EK_OP_MUL, "mul_f32", "mul_i8"},
    {EK_OP_DIV, "div_f32", "div_i8"},
    {EK_OP_MIN, "min_f32", "min_i8"},
    {EK_OP_MAX, "max_f32", "max_i8"},
    {EK_OP_P_RELU, "p_relu_f32", "p_relu_i8"},
    {EK_OP_SQUARED_DIFFERENCE, "squared_difference_f32", "squared_difference_i8"},
};

/* Add, Sub, Mul and Div have the same two attributes. */
static void read_clamp(const ek_cl_build *b, float *min, float *max) {
  const ek_add_attrs *attrs = b->ctx->attrs;
  const bool clamps = b->op_id == EK_OP_ADD || b->op_id == EK_OP_SUB || b->op_id == EK_OP_MUL || b->op_id == EK_OP_DIV;
  *min = clamps ? attrs->clamp_min : -INFINITY;
  *max = clamps ? attrs->clamp_max : INFINITY;
}

/* ma, mb and my of the definitions in edgekit/ops/elementwise_binary.py. */
static ek_status read_multipliers(ek_cl_build *b, double sa, double sb, double sy, float *ma, float *mb, float *my) {
  *ma = *mb = *my = 1.0f;
  switch (b->op_id) {
    case EK_OP_MUL: return ek_cl_multiplier(b, sa * sb / sy, my);
    case EK_OP_DIV: return ek_cl_multiplier(b, sa / (sb * sy), my);
    case EK_OP_SQUARED_DIFFERENCE:
      *ma = (float)sa;
      *mb = (float)sb;
      return ek_cl_multiplier(b, 1.0 / sy, my);
    case EK_OP_P_RELU: EK_TRY(ek_cl_multiplier(b, sa * sb / sy, my)); return ek_cl_multiplier(b, sa / sy, ma);
    default: EK_TRY(ek_cl_multiplier(b, sa / sy, ma)); return ek_cl_multiplier(b, sb / sy, mb);
  }
}

static void row_major(const ek_tensor *t, int64_t *strides) {
  int64_t step = 1;
  for (uint32_t i = t->rank; i-- > 0; step *= t->dims[i]) strides[i] = step;
}

static void arg_common(ek_cl_build *b, const ek_tensor *x, const ek_tensor *z, const ek_tensor *y,
                       const ek_cl_broadcast *m) {
  ek_cl_arg_tensor(b, x);
  ek_cl_arg_tensor(b, z);
  ek_cl_arg_tensor(b, y);
  ek_cl_arg_int(b, ek_tensor_elements(y));
  ek_cl_arg_int4(b, m->dims[0], m->dims[1], m->dims[2], m->dims[3]);
  ek_cl_arg_int4(b, m->a[0], m->a[1], m->a[2], m->a[3]);
  ek_cl_arg_int4(b, m->b[0], m->b[1], m->b[2], m->b[3]);
}

static ek_status build_f32(ek_cl_build *b, const binary_kernel *k, const ek_cl_broadcast *m) {
  const ek_tensor *y = ek_output(b->ctx, 0);
  float min = 0, max = 0;
  read_clamp(b, &min, &max);
  ek_cl_begin(b, EK_CL_FILE_BINARY, k->f32);
  arg_common(b, ek_input(b->ctx, 0), ek_input(b->ctx, 1), y, m);
  ek_cl_arg_float(b, min);
  ek_cl_arg_float(b, max);
  return ek_cl_end(b, ek_tensor_elements(y), 1, 1);
}

static ek_status build_i8(ek_cl_build *b, const binary_kernel *k, const ek_cl_broadcast *m) {
  const ek_tensor *x = ek_input(b->ctx, 0), *z = ek_input(b->ctx, 1), *y = ek_output(b->ctx, 0);
  float min = 0, max = 0, ma = 0, mb = 0, my = 0;
  ek_cl_quant qa, qb, qy;
  read_clamp(b, &min, &max);
  EK_TRY(ek_cl_read_quant(b, x, -INFINITY, INFINITY, &qa));
  EK_TRY(ek_cl_read_quant(b, z, -INFINITY, INFINITY, &qb));
  EK_TRY(ek_cl_read_quant(b, y, min, max, &qy));
  EK_TRY(read_multipliers(b, qa.affine.scale, qb.affine.scale, qy.affine.scale, &ma, &mb, &my));
  if (b->op_id == EK_OP_SQUARED_DIFFERENCE && !b->s->device.exact_divide && (ma < 1e-15f || mb < 1e-15f)) {
    return ek_cl_decline(b, "scales whose squares are subnormal, which the device may flush to zero");
  }
  ek_cl_begin(b, EK_CL_FILE_BINARY, k->i8);
  arg_common(b, x, z, y, m);
  ek_cl_arg_float(b, qy.low);
  ek_cl_arg_float(b, qy.high);
  ek_cl_arg_int(b, qa.affine.zero_point);
  ek_cl_arg_int(b, qb.affine.zero_point);
  ek_cl_arg_int(b, qy.affine.zero_point);
  ek_cl_arg_float(b, ma);
  ek_cl_arg_float(b, mb);
  ek_cl_arg_float(b, my);
  return ek_cl_end(b, ek_tensor_elements(y), 1, 1);
}

ek_status ek_cl_build_binary(ek_cl_build *b) {
  const ek_tensor *x = ek_input(b->ctx, 0), *z = ek_input(b->ctx, 1), *y = ek_output(b->ctx, 0);
  const binary_kernel *k = binary_kernels;
  int64_t x_strides[EK_MAX_RANK], z_strides[EK_MAX_RANK];
  ek_cl_broadcast m;
  while (k->op_id != b->op_id) k++;
  row_major(x, x_strides);
  row_major(z, z_strides);
  if (!ek_cl_merge_broadcast(y->dims, y->rank, x, x->rank, x_strides, z, z->rank, z_strides, 4, &m)) {
    return ek_cl_decline(b, "broadcasting that does not come down to 4 dimensions");
  }
  if (x->dtype == EK_F32) return build_f32(b, k, &m);
  if (ek_cl_is_i8(x) && ek_cl_is_i8(z) && ek_cl_is_i8(y)) return build_i8(b, k, &m);
  return ek_cl_decline(b, "no kernel for %s%s", ek_cl_dtype_name(x),
                       x->dtype == EK_I8 ? " without one scale for each tensor" : "");
}
