#include "backends/opencl/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/sizes.h"

#define GROUP 64 /* work items in a work group; drivers that cannot are asked to choose themselves */

ek_status ek_cl_decline(ek_cl_build *b, const char *format, ...) {
  char text[EK_ERROR_TEXT];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return ek_fail(b->error, EK_ERR_UNSUPPORTED, "%s", text);
}

static void keep(ek_cl_build *b, cl_int code, const char *what) {
  if (b->status == EK_OK && code != CL_SUCCESS) {
    b->status = ek_fail(b->error, EK_ERR_BACKEND, "node '%s', kernel %s: %s gives %s (%d)", b->ctx->name,
                        b->kernel_name, what, ek_cl_error_name(code), (int)code);
  }
}

ek_status ek_cl_grow(ek_cl_state *s, void **array, uint32_t count, uint32_t *capacity, size_t size, ek_error *error) {
  if (count < *capacity) return EK_OK;
  const uint32_t wanted = *capacity == 0 ? 16 : *capacity * 2;
  void *larger = ek_allocate(&s->env->allocator, ek_mul_size(wanted, size));
  if (larger == NULL) {
    return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory for the records of the OpenCL back end");
  }
  if (*array != NULL) {
    memcpy(larger, *array, count * size);
    ek_release(&s->env->allocator, *array);
  }
  *array = larger;
  *capacity = wanted;
  return EK_OK;
}

ek_status ek_cl_buffer(ek_cl_state *s, const void *bytes, size_t size, cl_mem *buffer, ek_error *error) {
  cl_int code = CL_SUCCESS;
  static const char nothing[16];
  void *array = s->buffers;
  EK_TRY(ek_cl_grow(s, &array, s->buffer_count, &s->buffer_capacity, sizeof *s->buffers, error));
  s->buffers = array;
  const void *from = size != 0 ? bytes : nothing;
  *buffer = s->cl.clCreateBuffer(s->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, size != 0 ? size : sizeof nothing,
                                 (void *)(uintptr_t)from, &code);
  if (*buffer == NULL) {
    return ek_fail(error, EK_ERR_BACKEND, "a device buffer of %zu bytes: %s (%d)", size, ek_cl_error_name(code),
                   (int)code);
  }
  s->buffers[s->buffer_count++] = *buffer;
  return EK_OK;
}

void ek_cl_begin(ek_cl_build *b, ek_cl_file file, const char *kernel) {
  cl_program program = NULL;
  cl_int code = CL_SUCCESS;
  b->kernel_name = kernel;
  b->kernel = NULL;
  b->next_argument = 0;
  if (b->status != EK_OK) return;
  b->status = ek_cl_program(b->s, file, &program, b->error);
  if (b->status != EK_OK || b->dry) return;
  b->kernel = b->s->cl.clCreateKernel(program, kernel, &code);
  if (b->kernel == NULL) keep(b, code != CL_SUCCESS ? code : -1, "clCreateKernel");
}

static void set(ek_cl_build *b, size_t size, const void *value) {
  if (b->status == EK_OK && !b->dry) {
    keep(b, b->s->cl.clSetKernelArg(b->kernel, b->next_argument++, size, value), "clSetKernelArg");
  }
}

/* Constants are copied to the device by the first kernel that reads them. */
static cl_mem memory_of(ek_cl_build *b, uint32_t index) {
  ek_cl_state *s = b->s;
  const ek_tensor *t = &s->graph->tensors[index];
  if (!t->is_constant) return s->arena;
  if (s->constants[index] == NULL) {
    const ek_status status = ek_cl_buffer(s, t->data, ek_tensor_bytes(t), &s->constants[index], b->error);
    if (status != EK_OK) {
      s->constants[index] = NULL;
      b->status = status;
    }
  }
  return s->constants[index];
}

void ek_cl_arg_tensor_at(ek_cl_build *b, const ek_tensor *t, uint64_t bytes) {
  if (b->status != EK_OK || b->dry) return;
  cl_mem memory = b->s->arena;
  uint64_t at = 0;
  if (t != NULL) {
    const uint32_t index = (uint32_t)(t - b->s->graph->tensors);
    memory = memory_of(b, index);
    at = (t->is_constant ? 0 : (uint64_t)b->s->graph->spec->tensors[index].arena_offset) + bytes;
  }
  set(b, sizeof memory, &memory);
  set(b, sizeof at, &at);
}

void ek_cl_arg_tensor(ek_cl_build *b, const ek_tensor *t) { ek_cl_arg_tensor_at(b, t, 0); }

void ek_cl_arg_data(ek_cl_build *b, const void *bytes, size_t size) {
  cl_mem buffer = NULL;
  const uint64_t at = 0;
  if (b->status != EK_OK || b->dry) return;
  b->status = ek_cl_buffer(b->s, bytes, size, &buffer, b->error);
  set(b, sizeof buffer, &buffer);
  set(b, sizeof at, &at);
}

void ek_cl_arg_int(ek_cl_build *b, int64_t value) {
  const int32_t narrow = (int32_t)value;
  set(b, sizeof narrow, &narrow);
}

void ek_cl_arg_float(ek_cl_build *b, float value) { set(b, sizeof value, &value); }

void ek_cl_arg_ints4(ek_cl_build *b, const ek_cl_int4 *v) { set(b, sizeof *v, v); }

void ek_cl_arg_ints8(ek_cl_build *b, const ek_cl_int8 *v) { set(b, sizeof *v, v); }

void ek_cl_arg_int2(ek_cl_build *b, int32_t x, int32_t y) {
  const int32_t v[2] = {x, y};
  set(b, sizeof v, v);
}

void ek_cl_arg_int4(ek_cl_build *b, int64_t x, int64_t y, int64_t z, int64_t w) {
  const ek_cl_int4 v = {{(int32_t)x, (int32_t)y, (int32_t)z, (int32_t)w}};
  ek_cl_arg_ints4(b, &v);
}

/* A few fixed work-group shapes, so that compilers which specialise kernels by shape (PoCL) do it once or twice. */
static void choose_group(const ek_cl_build *b, ek_cl_launch *l, int64_t y) {
  size_t limit = 0;
  (void)b->s->cl.clGetKernelWorkGroupInfo(l->kernel, b->s->device.id, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit,
                                          NULL);
  if (limit < GROUP) return;
  l->local[0] = y == 1 ? GROUP : l->global[0] > 4 ? 16 : 4;
  l->local[1] = GROUP / l->local[0];
  l->local[2] = 1;
  for (uint32_t i = 0; i < 2; i++) {
    l->global[i] = (l->global[i] + l->local[i] - 1) / l->local[i] * l->local[i];
  }
}

ek_status ek_cl_end(ek_cl_build *b, int64_t x, int64_t y, int64_t z) {
  ek_cl_state *s = b->s;
  if (b->status == EK_OK && (x > INT32_MAX || y > INT32_MAX || z > INT32_MAX)) {
    b->status = ek_cl_decline(b, "more than 2^31 work items");
  }
  if (!b->dry && b->status == EK_OK && x > 0 && y > 0 && z > 0) {
    void *array = s->launches;
    b->status = ek_cl_grow(s, &array, s->launch_count, &s->launch_capacity, sizeof *s->launches, b->error);
    s->launches = array;
    if (b->status == EK_OK) {
      ek_cl_launch *l = &s->launches[s->launch_count++];
      *l = (ek_cl_launch){b->kernel, {(size_t)x, (size_t)y, (size_t)z}, {0}};
      b->kernel = NULL;
      choose_group(b, l, y);
    }
  }
  if (b->kernel != NULL) {
    (void)s->cl.clReleaseKernel(b->kernel);
    b->kernel = NULL;
  }
  return b->status;
}

void *ek_cl_temporary(ek_cl_build *b, size_t size) {
  if (b->dry || b->status != EK_OK) return NULL;
  void *memory = ek_allocate(&b->s->env->allocator, size);
  if (memory == NULL) {
    b->status = ek_fail(b->error, EK_ERR_OUT_OF_MEMORY, "node '%s': no memory to pack %zu bytes of weights",
                        b->ctx->name, size);
  }
  return memory;
}

void ek_cl_free_temporary(ek_cl_build *b, void *memory) {
  if (memory != NULL) ek_release(&b->s->env->allocator, memory);
}

typedef struct family {
  uint32_t op_id;
  ek_cl_build_function build;
} family;

static const family families[] = {
    {EK_OP_RESHAPE, ek_cl_build_move},
    {EK_OP_TRANSPOSE, ek_cl_build_move},
    {EK_OP_CONCAT, ek_cl_build_move},
    {EK_OP_SPLIT, ek_cl_build_move},
    {EK_OP_SLICE, ek_cl_build_move},
    {EK_OP_TILE, ek_cl_build_move},
    {EK_OP_EXPAND, ek_cl_build_move},
    {EK_OP_IDENTITY, ek_cl_build_move},
    {EK_OP_DEPTH_TO_SPACE, ek_cl_build_move},
    {EK_OP_SPACE_TO_DEPTH, ek_cl_build_move},
    {EK_OP_GATHER, ek_cl_build_gather},
    {EK_OP_PAD, ek_cl_build_pad},
    {EK_OP_RESIZE, ek_cl_build_resize},
    {EK_OP_ADD, ek_cl_build_binary},
    {EK_OP_SUB, ek_cl_build_binary},
    {EK_OP_MUL, ek_cl_build_binary},
    {EK_OP_DIV, ek_cl_build_binary},
    {EK_OP_MIN, ek_cl_build_binary},
    {EK_OP_MAX, ek_cl_build_binary},
    {EK_OP_P_RELU, ek_cl_build_binary},
    {EK_OP_SQUARED_DIFFERENCE, ek_cl_build_binary},
    {EK_OP_ABS, ek_cl_build_unary},
    {EK_OP_NEG, ek_cl_build_unary},
    {EK_OP_EXP, ek_cl_build_unary},
    {EK_OP_LOG, ek_cl_build_unary},
    {EK_OP_SQRT, ek_cl_build_unary},
    {EK_OP_RSQRT, ek_cl_build_unary},
    {EK_OP_RECIPROCAL, ek_cl_build_unary},
    {EK_OP_FLOOR, ek_cl_build_unary},
    {EK_OP_CEIL, ek_cl_build_unary},
    {EK_OP_ROUND, ek_cl_build_unary},
    {EK_OP_SIGN, ek_cl_build_unary},
    {EK_OP_SIN, ek_cl_build_unary},
    {EK_OP_COS, ek_cl_build_unary},
    {EK_OP_TANH, ek_cl_build_unary},
    {EK_OP_ERF, ek_cl_build_unary},
    {EK_OP_SIGMOID, ek_cl_build_unary},
    {EK_OP_RELU, ek_cl_build_unary},
    {EK_OP_LEAKY_RELU, ek_cl_build_unary},
    {EK_OP_ELU, ek_cl_build_unary},
    {EK_OP_SELU, ek_cl_build_unary},
    {EK_OP_CELU, ek_cl_build_unary},
    {EK_OP_SOFTPLUS, ek_cl_build_unary},
    {EK_OP_SOFTSIGN, ek_cl_build_unary},
    {EK_OP_HARD_SIGMOID, ek_cl_build_unary},
    {EK_OP_HARD_SWISH, ek_cl_build_unary},
    {EK_OP_SILU, ek_cl_build_unary},
    {EK_OP_GELU, ek_cl_build_unary},
    {EK_OP_MISH, ek_cl_build_unary},
    {EK_OP_THRESHOLDED_RELU, ek_cl_build_unary},
    {EK_OP_CLIP, ek_cl_build_unary},
    {EK_OP_QUANTIZE, ek_cl_build_quantization},
    {EK_OP_DEQUANTIZE, ek_cl_build_quantization},
    {EK_OP_REQUANTIZE, ek_cl_build_quantization},
    {EK_OP_LOOKUP, ek_cl_build_lookup},
    {EK_OP_CONV, ek_cl_build_conv},
    {EK_OP_CONV_TRANSPOSE, ek_cl_build_conv_transpose},
    {EK_OP_FULLY_CONNECTED, ek_cl_build_fully_connected},
    {EK_OP_MAT_MUL, ek_cl_build_mat_mul},
    {EK_OP_MAX_POOL, ek_cl_build_pool},
    {EK_OP_AVERAGE_POOL, ek_cl_build_pool},
    {EK_OP_GLOBAL_AVERAGE_POOL, ek_cl_build_pool},
    {EK_OP_GLOBAL_MAX_POOL, ek_cl_build_pool},
    {EK_OP_SOFTMAX, ek_cl_build_softmax},
};

ek_cl_build_function ek_cl_find(uint32_t op_id) {
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
    if (families[i].op_id == op_id) return families[i].build;
  }
  return NULL;
}
