/* Functions of one float32 element. Their int8 forms are Lookup. */
#include <math.h>

#include "backends/opencl/families/families.h"

typedef struct unary_kernel {
  const char *name;
  float p, q;
} unary_kernel;

static unary_kernel choose(const ek_cl_build *b) {
  const ek_any_attrs *a = b->ctx->attrs;
  switch (b->op_id) {
    case EK_OP_ABS: return (unary_kernel){"abs_f32", 0, 0};
    case EK_OP_NEG: return (unary_kernel){"neg_f32", 0, 0};
    case EK_OP_EXP: return (unary_kernel){"exp_f32", 0, 0};
    case EK_OP_LOG: return (unary_kernel){"log_f32", 0, 0};
    case EK_OP_SQRT: return (unary_kernel){"sqrt_f32", 0, 0};
    case EK_OP_RSQRT: return (unary_kernel){"rsqrt_f32", 0, 0};
    case EK_OP_RECIPROCAL: return (unary_kernel){"reciprocal_f32", 0, 0};
    case EK_OP_FLOOR: return (unary_kernel){"floor_f32", 0, 0};
    case EK_OP_CEIL: return (unary_kernel){"ceil_f32", 0, 0};
    case EK_OP_ROUND: return (unary_kernel){"round_f32", 0, 0};
    case EK_OP_SIGN: return (unary_kernel){"sign_f32", 0, 0};
    case EK_OP_SIN: return (unary_kernel){"sin_f32", 0, 0};
    case EK_OP_COS: return (unary_kernel){"cos_f32", 0, 0};
    case EK_OP_TANH: return (unary_kernel){"tanh_f32", 0, 0};
    case EK_OP_ERF: return (unary_kernel){"erf_f32", 0, 0};
    case EK_OP_SIGMOID: return (unary_kernel){"sigmoid_f32", 0, 0};
    case EK_OP_RELU: return (unary_kernel){"clip_f32", 0, INFINITY};
    case EK_OP_CLIP: return (unary_kernel){"clip_f32", a->clip.min, a->clip.max};
    case EK_OP_LEAKY_RELU: return (unary_kernel){"leaky_relu_f32", a->leaky_relu.alpha, 0};
    case EK_OP_ELU: return (unary_kernel){"elu_f32", a->elu.alpha, 0};
    case EK_OP_SELU: return (unary_kernel){"selu_f32", a->selu.alpha, a->selu.gamma};
    case EK_OP_CELU: return (unary_kernel){"celu_f32", a->celu.alpha, 0};
    case EK_OP_SOFTPLUS: return (unary_kernel){"softplus_f32", 0, 0};
    case EK_OP_SOFTSIGN: return (unary_kernel){"softsign_f32", 0, 0};
    case EK_OP_HARD_SIGMOID: return (unary_kernel){"hard_sigmoid_f32", a->hard_sigmoid.alpha, a->hard_sigmoid.beta};
    case EK_OP_HARD_SWISH: return (unary_kernel){"hard_swish_f32", 0, 0};
    case EK_OP_SILU: return (unary_kernel){"silu_f32", 0, 0};
    case EK_OP_GELU:
      return (unary_kernel){a->gelu.approximate == EK_GELU_APPROXIMATE_TANH ? "gelu_tanh_f32" : "gelu_f32", 0, 0};
    case EK_OP_MISH: return (unary_kernel){"mish_f32", 0, 0};
    default: return (unary_kernel){"thresholded_relu_f32", a->thresholded_relu.alpha, 0};
  }
}

ek_status ek_cl_build_unary(ek_cl_build *b) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  if (x->dtype != EK_F32) {
    return ek_cl_decline(b, "no kernel for %s", ek_cl_dtype_name(x));
  }
  const unary_kernel k = choose(b);
  ek_cl_begin(b, EK_CL_FILE_UNARY, k.name);
  ek_cl_arg_tensor(b, x);
  ek_cl_arg_tensor(b, y);
  ek_cl_arg_int(b, ek_tensor_elements(x));
  ek_cl_arg_float(b, k.p);
  ek_cl_arg_float(b, k.q);
  return ek_cl_end(b, ek_tensor_elements(x), 1, 1);
}
