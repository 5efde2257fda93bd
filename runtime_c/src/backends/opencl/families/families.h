/* What the operator families of the OpenCL back end share. */
#ifndef EK_BACKENDS_OPENCL_FAMILIES_H
#define EK_BACKENDS_OPENCL_FAMILIES_H

#include "backends/opencl/build.h"
#include "ops/quantized.h"
#include "ops/spatial.h"

/* "int64 tensors": how element types are named in reasons. */
const char *ek_cl_dtype_name(const ek_tensor *t);

/* True for an int8 tensor with one scale and zero point. */
bool ek_cl_is_i8(const ek_tensor *t);

/* ek_read_affine of an int8 tensor, and the bounds of rounding: (float)(min - zero_point), (float)(max - zero_point). */
typedef struct ek_cl_quant {
  ek_affine affine;
  float low, high;
} ek_cl_quant;

/* The parameters of an int8 tensor, with a clamp in real numbers. */
ek_status ek_cl_read_quant(ek_cl_build *b, const ek_tensor *t, float clamp_min, float clamp_max, ek_cl_quant *out);

/* (float)numerator, or a decline unless it is finite and positive. */
ek_status ek_cl_multiplier(ek_cl_build *b, double value, float *out);

/* Sets EK_WINDOW's eight parameters. `rank` is that of the tensors. */
typedef struct ek_cl_geometry {
  ek_spatial in, out;
  ek_window window;
  bool channels_last;
} ek_cl_geometry;

void ek_cl_arg_window(ek_cl_build *b, const ek_cl_geometry *g);
static inline int64_t ek_cl_positions(const ek_spatial *s) { return ek_spatial_positions(s->size); }

/* Merges broadcast dimensions, innermost last. Strides are in elements, 0 where an operand repeats. False when more than `room` stay. */
typedef struct ek_cl_broadcast {
  int64_t dims[EK_MAX_RANK], a[EK_MAX_RANK], b[EK_MAX_RANK];
} ek_cl_broadcast;

bool ek_cl_merge_broadcast(const int64_t *dims, uint32_t rank, const ek_tensor *a, uint32_t a_rank,
                           const int64_t *a_strides, const ek_tensor *b, uint32_t b_rank, const int64_t *b_strides,
                           uint32_t room, ek_cl_broadcast *out);

/* y takes, along up to two axes (ascending), the elements of x that the tables name; an unused axis is {rank, 1, 1, one zero}. */
typedef struct ek_cl_taken {
  uint32_t at;
  int64_t in, out;
  const int32_t *index; /* [out]; may be NULL while dry */
} ek_cl_taken;

ek_status ek_cl_emit_taken(ek_cl_build *b, const ek_cl_taken *axes);

/* Pad in a mode that repeats the input, with the amounts of every axis. */
ek_status ek_cl_build_pad_repeat(ek_cl_build *b, const int64_t *before, const int64_t *after, uint8_t mode);

/* Values of a constant as float32: float32, float16 or integers with their quantization applied. NULL while dry. */
float *ek_cl_real_values(ek_cl_build *b, const ek_tensor *t);
/* Whether ek_cl_real_values takes the tensor. */
bool ek_cl_has_real_values(const ek_tensor *t);

#endif
