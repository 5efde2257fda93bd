/* Softmax along one axis. */
#include "backends/opencl/families/families.h"
#include "ops/softmax_table.h"

ek_status ek_cl_build_softmax(ek_cl_build *b) {
  const ek_softmax_attrs *attrs = b->ctx->attrs;
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  uint32_t axis = 0, table[EK_SOFTMAX_TABLE_ENTRIES];
  int64_t inner = 1, outer = 1;
  EK_TRY(ek_normalize_axis(b->ctx, attrs->axis, x->rank, &axis));
  for (uint32_t i = 0; i < axis; i++) outer *= x->dims[i];
  for (uint32_t i = axis + 1; i < x->rank; i++) inner *= x->dims[i];
  const bool is_i8 = ek_cl_is_i8(x);
  if (x->dtype != EK_F32 && !is_i8) return ek_cl_decline(b, "no kernel for %s", ek_cl_dtype_name(x));
  if (is_i8) {
    float scale = 0;
    EK_TRY(ek_cl_multiplier(b, x->quant->scale[0], &scale));
    if (!ek_cl_is_i8(y) || y->quant->scale[0] != 1.0f / 256.0f || y->quant->zero_point[0] != -128) {
      return ek_cl_decline(b, "an output scale other than 1/256 with zero point -128");
    }
    ek_softmax_table(scale, table);
  }
  ek_cl_begin(b, EK_CL_FILE_SOFTMAX, is_i8 ? "softmax_i8" : "softmax_f32");
  ek_cl_arg_tensor(b, x);
  ek_cl_arg_tensor(b, y);
  ek_cl_arg_int(b, outer * inner);
  ek_cl_arg_int(b, x->dims[axis]);
  ek_cl_arg_int(b, inner);
  if (is_i8) ek_cl_arg_data(b, table, sizeof table);
  return ek_cl_end(b, x->dims[axis] != 0 ? outer * inner : 0, 1, 1);
}
