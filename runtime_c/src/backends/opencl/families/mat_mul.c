/* MatMul: batched, with broadcasting of the leading dimensions. */
#include <math.h>

#include "backends/opencl/families/families.h"
#include "base/sizes.h"

typedef struct product {
  int64_t rows, columns, depth, batches;
  int64_t a_row, a_depth, b_depth, b_column; /* strides in elements */
  ek_cl_broadcast batch;                     /* the last three entries */
} product;

/* Strides of the leading dimensions: all but the last two. */
static void leading_strides(const ek_tensor *t, int64_t *strides) {
  int64_t step = 1;
  for (uint32_t i = t->rank; i-- > 0; step *= t->dims[i]) strides[i] = step;
}

static bool read_product(const ek_cl_build *b, product *p) {
  const ek_mat_mul_attrs *attrs = b->ctx->attrs;
  const ek_tensor *x = ek_input(b->ctx, 0), *z = ek_input(b->ctx, 1), *y = ek_output(b->ctx, 0);
  const bool x_row = x->rank == 1, z_column = z->rank == 1;
  const int64_t x1 = x->dims[x->rank - 1], x0 = x_row ? 1 : x->dims[x->rank - 2];
  const int64_t z1 = z_column ? 1 : z->dims[z->rank - 1], z0 = z_column ? z->dims[0] : z->dims[z->rank - 2];
  p->rows = attrs->transpose_a ? x1 : x0;
  p->depth = attrs->transpose_a ? x0 : x1;
  p->columns = attrs->transpose_b ? z0 : z1;
  p->a_row = attrs->transpose_a ? 1 : x1;
  p->a_depth = attrs->transpose_a ? x1 : 1;
  p->b_depth = attrs->transpose_b ? 1 : z1;
  p->b_column = attrs->transpose_b ? z1 : 1;
  int64_t x_strides[EK_MAX_RANK], z_strides[EK_MAX_RANK];
  leading_strides(x, x_strides);
  leading_strides(z, z_strides);
  const uint32_t x_lead = x_row ? 0 : x->rank - 2, z_lead = z_column ? 0 : z->rank - 2,
                 lead = x_lead > z_lead ? x_lead : z_lead;
  p->batches = 1;
  for (uint32_t i = 0; i < lead; i++) p->batches *= y->dims[i];
  return ek_cl_merge_broadcast(y->dims, lead, x, x_lead, x_strides, z, z_lead, z_strides, 3, &p->batch);
}

static void arg_product(ek_cl_build *b, const product *p) {
  ek_cl_arg_int4(b, p->rows, p->columns, p->depth, 0);
  ek_cl_arg_int4(b, p->batch.dims[0], p->batch.dims[1], p->batch.dims[2], 0);
  ek_cl_arg_int4(b, p->batch.a[0], p->batch.a[1], p->batch.a[2], 0);
  ek_cl_arg_int4(b, p->batch.b[0], p->batch.b[1], p->batch.b[2], 0);
  ek_cl_arg_int4(b, p->a_row, p->a_depth, 0, 0);
  ek_cl_arg_int4(b, p->b_depth, p->b_column, 0, 0);
}

static ek_status end(ek_cl_build *b, const product *p) {
  return ek_cl_end(b, (p->columns + 3) / 4, (p->rows + 3) / 4, p->batches);
}

static ek_status build_f32(ek_cl_build *b, const product *p) {
  const ek_tensor *z = ek_input(b->ctx, 1);
  const bool plain = z->dtype == EK_F32 && z->quant == NULL;
  if (!plain && !ek_cl_has_real_values(z))
    return ek_cl_decline(b, "%s weights that are no constants", ek_cl_dtype_name(z));
  ek_cl_begin(b, EK_CL_FILE_MATMUL, "mat_mul_f32");
  ek_cl_arg_tensor(b, ek_input(b->ctx, 0));
  if (plain) {
    ek_cl_arg_tensor(b, z);
  } else {
    float *values = ek_cl_real_values(b, z);
    if (values != NULL) ek_cl_arg_data(b, values, ek_mul_size((size_t)ek_tensor_elements(z), sizeof *values));
    ek_cl_free_temporary(b, values);
  }
  ek_cl_arg_tensor(b, ek_output(b->ctx, 0));
  arg_product(b, p);
  return end(b, p);
}

static ek_status build_i8(ek_cl_build *b, const product *p) {
  ek_cl_quant qa, qb, qy;
  float m = 0;
  EK_TRY(ek_cl_read_quant(b, ek_input(b->ctx, 0), -INFINITY, INFINITY, &qa));
  EK_TRY(ek_cl_read_quant(b, ek_input(b->ctx, 1), -INFINITY, INFINITY, &qb));
  EK_TRY(ek_cl_read_quant(b, ek_output(b->ctx, 0), -INFINITY, INFINITY, &qy));
  EK_TRY(ek_requantize_multiplier(b->ctx, qa.affine.scale, qb.affine.scale, qy.affine.scale, &m));
  ek_cl_begin(b, EK_CL_FILE_MATMUL, "mat_mul_i8");
  ek_cl_arg_tensor(b, ek_input(b->ctx, 0));
  ek_cl_arg_tensor(b, ek_input(b->ctx, 1));
  ek_cl_arg_tensor(b, ek_output(b->ctx, 0));
  arg_product(b, p);
  ek_cl_arg_int(b, qa.affine.zero_point);
  ek_cl_arg_int(b, qb.affine.zero_point);
  ek_cl_arg_int(b, qy.affine.zero_point);
  ek_cl_arg_float(b, m);
  ek_cl_arg_float(b, qy.low);
  ek_cl_arg_float(b, qy.high);
  return end(b, p);
}

ek_status ek_cl_build_mat_mul(ek_cl_build *b) {
  const ek_tensor *x = ek_input(b->ctx, 0), *z = ek_input(b->ctx, 1), *y = ek_output(b->ctx, 0);
  product p;
  if (!read_product(b, &p)) return ek_cl_decline(b, "broadcasting that does not come down to 3 dimensions");
  if (x->dtype == EK_F32) return build_f32(b, &p);
  if (ek_cl_is_i8(x) && ek_cl_is_i8(z) && ek_cl_is_i8(y)) return build_i8(b, &p);
  return ek_cl_decline(b, "no kernel for %s%s", ek_cl_dtype_name(x),
                       x->dtype == EK_I8 ? " without one scale for each tensor" : "");
}
