/* How an operator becomes kernel launches. One function an operator family describes the launches; it runs twice: when the session
 * asks whether the back end takes the node (nothing is made then, but the kernels' program must build), and when memory is bound.
 *
 *   static ek_status build_neg(ek_cl_build *b) {
 *     if (... not this form ...) return ek_cl_decline(b, "why, as the user reads it");
 *     ek_cl_begin(b, EK_CL_FILE_UNARY, "neg_f32");
 *     ek_cl_arg_tensor(b, x);
 *     ek_cl_arg_tensor(b, y);
 *     ek_cl_arg_int(b, n);
 *     return ek_cl_end(b, n, 1, 1);
 *   }
 *
 * The first failure sticks: calls after it do nothing, and ek_cl_end returns it. */
#ifndef EK_BACKENDS_OPENCL_BUILD_H
#define EK_BACKENDS_OPENCL_BUILD_H

#include "backends/opencl/state.h"
#include "ek_ops_gen.h"

typedef struct ek_cl_build {
  ek_cl_state *s;
  ek_op_context *ctx;
  ek_error *error;
  const char *kernel_name; /* of the last launch */
  cl_kernel kernel;        /* between begin and end */
  uint32_t next_argument;
  uint32_t op_id;
  ek_status status;
  bool dry; /* only asking */
} ek_cl_build;

typedef struct ek_cl_int4 {
  int32_t s[4];
} ek_cl_int4;

typedef struct ek_cl_int8 {
  int32_t s[8];
} ek_cl_int8;

/* EK_ERR_UNSUPPORTED with this text, which becomes the node's fallback reason. */
ek_status ek_cl_decline(ek_cl_build *b, const char *format, ...) EK_PRINTF(2, 3);

void ek_cl_begin(ek_cl_build *b, ek_cl_file file, const char *kernel);
/* Two kernel parameters: EK_IN(name) or EK_OUT(name) of common.cl. NULL stands for a tensor that the kernel does not touch. */
void ek_cl_arg_tensor(ek_cl_build *b, const ek_tensor *t);
/* As ek_cl_arg_tensor, but `bytes` further on. */
void ek_cl_arg_tensor_at(ek_cl_build *b, const ek_tensor *t, uint64_t bytes);
/* The same two parameters for a buffer of its own with these bytes; `bytes` may be NULL while dry. */
void ek_cl_arg_data(ek_cl_build *b, const void *bytes, size_t size);
void ek_cl_arg_int(ek_cl_build *b, int64_t value);
void ek_cl_arg_float(ek_cl_build *b, float value);
void ek_cl_arg_int2(ek_cl_build *b, int32_t x, int32_t y);
void ek_cl_arg_int4(ek_cl_build *b, int64_t x, int64_t y, int64_t z, int64_t w);
void ek_cl_arg_ints4(ek_cl_build *b, const ek_cl_int4 *v);
void ek_cl_arg_ints8(ek_cl_build *b, const ek_cl_int8 *v);
/* Work items in each dimension; kernels check their bounds, so the numbers are rounded up to whole work groups. Nothing is launched
 * where one of them is 0. */
ek_status ek_cl_end(ek_cl_build *b, int64_t x, int64_t y, int64_t z);

/* Memory for the time of building. NULL while dry, and after a failure, which it records. */
void *ek_cl_temporary(ek_cl_build *b, size_t size);
void ek_cl_free_temporary(ek_cl_build *b, void *memory);

/* ---- the families, one file each ---- */
ek_status ek_cl_build_binary(ek_cl_build *b);
ek_status ek_cl_build_unary(ek_cl_build *b);
ek_status ek_cl_build_quantization(ek_cl_build *b);
ek_status ek_cl_build_lookup(ek_cl_build *b);
ek_status ek_cl_build_conv(ek_cl_build *b);
ek_status ek_cl_build_conv_transpose(ek_cl_build *b);
ek_status ek_cl_build_fully_connected(ek_cl_build *b);
ek_status ek_cl_build_mat_mul(ek_cl_build *b);
ek_status ek_cl_build_pool(ek_cl_build *b);
ek_status ek_cl_build_softmax(ek_cl_build *b);
ek_status ek_cl_build_move(ek_cl_build *b);
ek_status ek_cl_build_gather(ek_cl_build *b);
ek_status ek_cl_build_pad(ek_cl_build *b);
ek_status ek_cl_build_resize(ek_cl_build *b);

/* The family of an operator, or NULL. */
typedef ek_status (*ek_cl_build_function)(ek_cl_build *b);
ek_cl_build_function ek_cl_find(uint32_t op_id);

#endif
