/* Cast: any element type to any other, by way of the widest type of the same kind (double, int64 or uint64), a tile at a time.
 *
 * Float to integer goes toward zero and is held to the range, NaN becomes 0; integer to integer keeps the low bits; to float
 * rounds to nearest even, once (integers become float16 by way of float32); to bool is x != 0. */
#include <string.h>

#include "ek_ops_gen.h"
#include "ops/elementwise/types.h"

#define EK_CHUNK 4096u
#define EK_TILE 128u

typedef union tile {
  double real[EK_TILE];
  int64_t integer[EK_TILE]; /* of uint64: bit patterns */
} tile;

#define READ(number, TYPE, member, WIDE, value)   \
  case number:                                    \
    for (size_t i = 0; i < n; i++) {              \
      const TYPE v = ((const TYPE *)x)[from + i]; \
      t->member[i] = (WIDE)(value);               \
    }                                             \
    break;
#define READ_INTEGER(unused, name, number, TYPE, WIDE) READ(number, TYPE, integer, int64_t, v)

static void read_tile(tile *t, const void *x, ek_dtype dtype, size_t from, size_t n) {
  switch (dtype) {
    READ(EK_F32, float, real, double, v)
    READ(EK_F16, uint16_t, real, double, ek_f16_to_f32(v))
    READ(EK_F64, double, real, double, v)
    READ(EK_BOOL, uint8_t, integer, int64_t, v != 0)
    EK_FOR_INTEGERS(READ_INTEGER, 0)
  }
}

/* value: of v, an element of the tile's member */
#define WRITE(number, TYPE, member, WIDE, value) \
  case number:                                   \
    for (size_t i = 0; i < n; i++) {             \
      const WIDE v = (WIDE)t->member[i];         \
      ((TYPE *)y)[from + i] = (TYPE)(value);     \
    }                                            \
    break;

/* As doubles the largest 64 bit values are 2^63 and 2^64, which are out of range themselves: >= is right for all. */
#define WRITE_SATURATED(number, TYPE, min, max) \
  WRITE(number, TYPE, real, double,             \
        v != v               ? 0                \
        : v <= (double)(min) ? (TYPE)(min)      \
        : v >= (double)(max) ? (TYPE)(max)      \
                             : (TYPE)v)

static void write_real(const tile *t, void *y, ek_dtype dtype, size_t from, size_t n) {
  switch (dtype) {
    WRITE(EK_F32, float, real, double, v)
    WRITE(EK_F16, uint16_t, real, double, ek_f64_to_f16(v))
    WRITE(EK_F64, double, real, double, v)
    WRITE(EK_BOOL, uint8_t, real, double, v != 0)
    WRITE_SATURATED(EK_I8, int8_t, INT8_MIN, INT8_MAX)
    WRITE_SATURATED(EK_U8, uint8_t, 0, UINT8_MAX)
    WRITE_SATURATED(EK_I16, int16_t, INT16_MIN, INT16_MAX)
    WRITE_SATURATED(EK_U16, uint16_t, 0, UINT16_MAX)
    WRITE_SATURATED(EK_I32, int32_t, INT32_MIN, INT32_MAX)
    WRITE_SATURATED(EK_U32, uint32_t, 0, UINT32_MAX)
    WRITE_SATURATED(EK_I64, int64_t, INT64_MIN, INT64_MAX)
    WRITE_SATURATED(EK_U64, uint64_t, 0, UINT64_MAX)
  }
}

#define WRITE_LOW_BITS(WIDE, name, number, TYPE, unused) WRITE(number, TYPE, integer, WIDE, v)
#define WRITE_WHOLE(WIDE)                                         \
  WRITE(EK_F32, float, integer, WIDE, v)                          \
  WRITE(EK_F16, uint16_t, integer, WIDE, ek_f32_to_f16((float)v)) \
  WRITE(EK_F64, double, integer, WIDE, v)                         \
  WRITE(EK_BOOL, uint8_t, integer, WIDE, v != 0)                  \
  EK_FOR_INTEGERS(WRITE_LOW_BITS, WIDE)

static void write_signed(const tile *t, void *y, ek_dtype dtype, size_t from, size_t n) {
  switch (dtype) { WRITE_WHOLE(int64_t) }
}

static void write_unsigned(const tile *t, void *y, ek_dtype dtype, size_t from, size_t n) {
  switch (dtype) { WRITE_WHOLE(uint64_t) }
}

static ek_status cast_shape(ek_op_context *ctx) {
  const ek_cast_attrs *attrs = ctx->attrs;
  if ((ek_dtype)attrs->to != ek_output(ctx, 0)->dtype) {
    return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "the output is not of the element type asked for");
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0));
}

typedef struct cast_job {
  const ek_tensor *x, *y;
  size_t count;
} cast_job;

/* gcc vectorizes at -O2 only what needs no remainder. */
#if defined(__GNUC__) && !defined(__clang__)
#define EK_VECTORIZED __attribute__((optimize("O3")))
#else
#define EK_VECTORIZED
#endif

EK_VECTORIZED static void int8_to_float(const int8_t *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    y[i] = (float)x[i];
  }
}

EK_VECTORIZED static void float_to_int32(const float *x, int32_t *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float v = x[i] > -2147483648.0f ? x[i] : -2147483648.0f; /* NaN: below */
    const float held = v < 2147483520.0f ? v : 2147483520.0f;
    const int32_t whole = (int32_t)held;
    y[i] = x[i] != x[i] ? 0 : x[i] >= 2147483648.0f ? INT32_MAX : whole;
  }
}

/* As ek_f16_to_f32, with choices in place of branches. */
EK_VECTORIZED static void half_to_float(const uint16_t *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t sign = (uint32_t)(x[i] & 0x8000u) << 16, shifted = (uint32_t)(x[i] & 0x7FFFu) << 13;
    float value;
    uint32_t finite;
    memcpy(&value, &shifted, sizeof value);
    value *= 5.192296858534828e33f; /* 2^112: exact, subnormal numbers included */
    memcpy(&finite, &value, sizeof finite);
    const uint32_t bits = sign | (shifted >= 0x0F800000u ? shifted | 0x7F800000u : finite);
    memcpy(&y[i], &bits, sizeof bits);
  }
}

/* As ek_f32_to_f16, with choices in place of branches. */
EK_VECTORIZED static void float_to_half(const float *x, uint16_t *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t u, small;
    memcpy(&u, &x[i], sizeof u);
    const uint32_t sign = u >> 16 & 0x8000u, a = u & 0x7FFFFFFFu;
    float sum;
    memcpy(&sum, &a, sizeof sum);
    sum += 0.5f;
    memcpy(&small, &sum, sizeof small);
    const uint32_t normal = (a + 0xFFFu + (a >> 13 & 1u) - 0x38000000u) >> 13;
    const uint32_t below = a < 0x38800000u ? small - 0x3F000000u : normal;
    const uint32_t large = a > 0x7F800000u ? 0x7E00u | (a >> 13 & 0x1FFu) : 0x7C00u;
    y[i] = (uint16_t)(sign | (a >= 0x477FF000u ? large : below));
  }
}

EK_VECTORIZED static void float_to_double(const float *x, double *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    y[i] = (double)x[i];
  }
}

EK_VECTORIZED static void double_to_float(const double *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    y[i] = (float)x[i];
  }
}
#undef EK_VECTORIZED

/* The pairs that quantized models, and float16 and float64 ones, spend their time on. */
#define QUICK(from_type, FROM, to_type, TO, function)                          \
  if (job->x->dtype == (from_type) && job->y->dtype == (to_type)) {            \
    function((const FROM *)job->x->data + from, (TO *)job->y->data + from, n); \
    return true;                                                               \
  }
static bool cast_quickly(const cast_job *job, size_t from, size_t n) {
  QUICK(EK_I8, int8_t, EK_F32, float, int8_to_float)
  QUICK(EK_F32, float, EK_I32, int32_t, float_to_int32)
  QUICK(EK_F16, uint16_t, EK_F32, float, half_to_float)
  QUICK(EK_F32, float, EK_F16, uint16_t, float_to_half)
  QUICK(EK_F32, float, EK_F64, double, float_to_double)
  QUICK(EK_F64, double, EK_F32, float, double_to_float)
  return false;
}

static void cast_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const cast_job *job = argument;
  const ek_dtype from_type = job->x->dtype, to_type = job->y->dtype;
  const bool real = from_type == EK_F32 || from_type == EK_F16 || from_type == EK_F64;
  const size_t last = end * EK_CHUNK < job->count ? end * EK_CHUNK : job->count;
  (void)thread;
  if (cast_quickly(job, begin * EK_CHUNK, last - begin * EK_CHUNK)) {
    return;
  }
  for (size_t from = begin * EK_CHUNK; from < last; from += EK_TILE) {
    const size_t n = last - from < EK_TILE ? last - from : EK_TILE;
    tile t;
    read_tile(&t, job->x->data, from_type, from, n);
    if (real) {
      write_real(&t, job->y->data, to_type, from, n);
    } else if (from_type == EK_U64) {
      write_unsigned(&t, job->y->data, to_type, from, n);
    } else {
      write_signed(&t, job->y->data, to_type, from, n);
    }
  }
}

static ek_status cast_run(ek_op_context *ctx) {
  cast_job job = {ek_input(ctx, 0), ek_output(ctx, 0), 0};
  job.count = (size_t)ek_tensor_elements(job.x);
  ek_parallel_for(ctx->pool, (job.count + EK_CHUNK - 1) / EK_CHUNK, 2, cast_range, &job);
  return EK_OK;
}

const ek_op ek_op_cast = {"Cast", cast_shape, NULL, NULL, cast_run};
