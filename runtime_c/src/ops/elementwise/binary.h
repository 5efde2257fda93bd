/* Operators on two tensors: the driver (binary.c) and the macros that write their loops. An operator file names its expressions
 * and a definition; see add.c. */
#ifndef EK_OPS_ELEMENTWISE_BINARY_H
#define EK_OPS_ELEMENTWISE_BINARY_H

#include "ek_ops_gen.h"
#include "ops/elementwise/types.h"
#include "ukernels/f32_vbinary/f32_vbinary.h"

/* What a loop may need beside its operands. */
typedef struct ek_binary_params {
  float min, max;         /* clamp in real numbers */
  ek_integer_bounds hold; /* the same for an integer type */
  bool clamped;
  bool flag; /* the operator's own: fmod, shift to the right */
  int32_t a_zero, b_zero, y_zero;
  int32_t q_min, q_max; /* clamp in the domain of y */
  float low, high;      /* the same less y_zero */
  float ma, mb, m;      /* float32 multipliers */
} ek_binary_params;

/* a_step and b_step are 1, or 0 where one element serves all. */
typedef void ek_binary_loop(size_t n, const void *a, size_t a_step, const void *b, size_t b_step, void *y,
                            const ek_binary_params *p);

typedef enum ek_qs8_form { EK_QS8_LOOP, EK_QS8_VADD, EK_QS8_VMUL } ek_qs8_form;

typedef struct ek_binary_def {
  ek_binary_loop *const *loops;     /* by element type of a; a missing F32 means f32_function */
  ek_binary_loop *const *quantized; /* the same for tensors with a scale; NULL: integers as they are */
  void (*multipliers)(double sa, double sb, double sy, ek_binary_params *p);
  void (*attributes)(const void *attrs, ek_binary_params *p); /* NULL: none */
  ek_f32_vbinary_function f32_function;
  ek_qs8_form qs8;
} ek_binary_def;

ek_status ek_binary_shape(ek_op_context *ctx);
ek_status ek_binary_prepare(ek_op_context *ctx, ek_op_memory *memory, const ek_binary_def *def);
ek_status ek_binary_run(ek_op_context *ctx, const ek_binary_def *def);

#define EK_BINARY_OP(snake, label, def)                                                 \
  static ek_status snake##_prepare(ek_op_context *ctx, ek_op_memory *memory) {          \
    return ek_binary_prepare(ctx, memory, &def);                                        \
  }                                                                                     \
  static ek_status snake##_run(ek_op_context *ctx) { return ek_binary_run(ctx, &def); } \
  const ek_op ek_op_##snake = {label, ek_binary_shape, snake##_prepare, NULL, snake##_run};

/* One loop: u and v are the operands, p the parameters; W is the unsigned type that wraps around. */
#define EK_LOOP2(function, A, B, C, WIDE, expression)                                                    \
  static void function(size_t n, const void *a_, size_t a_step, const void *b_, size_t b_step, void *y_, \
                       const ek_binary_params *p) {                                                      \
    typedef WIDE W;                                                                                      \
    typedef C Y;                                                                                         \
    const A *a = a_;                                                                                     \
    const B *b = b_;                                                                                     \
    Y *y = y_;                                                                                           \
    (void)p;                                                                                             \
    (void)sizeof(W);                                                                                     \
    for (size_t i = 0; i < n; i++, a += a_step, b += b_step) {                                           \
      const A u = *a;                                                                                    \
      const B v = *b;                                                                                    \
      y[i] = (Y)(expression);                                                                            \
    }                                                                                                    \
  }

/* The same on float16: u and v are float, the result is rounded once. */
#define EK_LOOP2_F16(function, C, STORE, expression)                                                     \
  static void function(size_t n, const void *a_, size_t a_step, const void *b_, size_t b_step, void *y_, \
                       const ek_binary_params *p) {                                                      \
    const uint16_t *a = a_, *b = b_;                                                                     \
    C *y = y_;                                                                                           \
    (void)p;                                                                                             \
    for (size_t i = 0; i < n; i++, a += a_step, b += b_step) {                                           \
      const float u = ek_f16_to_f32(*a), v = ek_f16_to_f32(*b);                                          \
      y[i] = STORE(expression);                                                                          \
    }                                                                                                    \
  }

#define EK_HOLD_REAL(value) ek_hold_real((double)(value), p)
#define EK_HOLD_INTEGER(value)                      \
  (!p->clamped                    ? (Y)(value)      \
   : (Y)(value) < (Y)p->hold.low  ? (Y)p->hold.low  \
   : (Y)p->hold.high < (Y)(value) ? (Y)p->hold.high \
                                  : (Y)(value))

static inline double ek_hold_real(double x, const ek_binary_params *p) {
  x = x < (double)p->min ? (double)p->min : x;
  return (double)p->max < x ? (double)p->max : x;
}

/* The loops of an operator whose result has the type of its operands, for every type but F32, and their table. */
#define EK_LOOP2_INTEGER_(arguments, name, number, TYPE, WIDE) EK_LOOP2_INTEGER__(EK_UNPACK arguments, name, TYPE, WIDE)
#define EK_LOOP2_INTEGER__(...) EK_LOOP2_INTEGER___(__VA_ARGS__)
#define EK_LOOP2_INTEGER___(prefix, expression, name, TYPE, WIDE) \
  EK_LOOP2(prefix##_##name, TYPE, TYPE, TYPE, WIDE, expression)
#define EK_UNPACK(...) __VA_ARGS__
#define EK_LOOP2_ENTRY(prefix, name, number, TYPE, WIDE) [number] = prefix##_##name,

#define EK_BINARY_REAL_LOOPS(prefix, real)                           \
  EK_LOOP2_F16(prefix##_f16, uint16_t, ek_f32_to_f16, (float)(real)) \
  EK_LOOP2(prefix##_f64, double, double, double, uint64_t, real)
#define EK_BINARY_SIGNED_LOOPS(prefix, expression) EK_FOR_SIGNED(EK_LOOP2_INTEGER_, (prefix, expression))
#define EK_BINARY_UNSIGNED_LOOPS(prefix, expression) EK_FOR_UNSIGNED(EK_LOOP2_INTEGER_, (prefix, expression))
#define EK_BINARY_INTEGER_TABLE(prefix) \
  static ek_binary_loop *const prefix##_loops[EK_DTYPE_LIMIT] = {EK_FOR_INTEGERS(EK_LOOP2_ENTRY, prefix)};
/* f32: the F32 loop, or NULL where a micro-kernel does it */
#define EK_BINARY_NUMBER_TABLE(prefix, f32)                       \
  static ek_binary_loop *const prefix##_loops[EK_DTYPE_LIMIT] = { \
      [EK_F32] = f32, [EK_F16] = prefix##_f16, [EK_F64] = prefix##_f64, EK_FOR_INTEGERS(EK_LOOP2_ENTRY, prefix)};

/* Quantized loops: u and v are float, less their zero points; the expression is in units of the output's scale. */
#define EK_LOOP2_QUANTIZED(function, TYPE, expression)                                                   \
  static void function(size_t n, const void *a_, size_t a_step, const void *b_, size_t b_step, void *y_, \
                       const ek_binary_params *p) {                                                      \
    const TYPE *a = a_, *b = b_;                                                                         \
    TYPE *y = y_;                                                                                        \
    for (size_t i = 0; i < n; i++, a += a_step, b += b_step) {                                           \
      const float u = (float)(*a - p->a_zero), v = (float)(*b - p->b_zero);                              \
      y[i] = (TYPE)ek_to_quantized(expression, p);                                                       \
    }                                                                                                    \
  }
int32_t ek_to_quantized(float x, const ek_binary_params *p);
#define EK_BINARY_QUANTIZED_LOOPS(prefix, expression)                 \
  EK_LOOP2_QUANTIZED(prefix##_q_i8, int8_t, expression)               \
  EK_LOOP2_QUANTIZED(prefix##_q_u8, uint8_t, expression)              \
  EK_LOOP2_QUANTIZED(prefix##_q_i16, int16_t, expression)             \
  static ek_binary_loop *const prefix##_quantized[EK_DTYPE_LIMIT] = { \
      [EK_I8] = prefix##_q_i8, [EK_U8] = prefix##_q_u8, [EK_I16] = prefix##_q_i16};

/* Multipliers that several operators share. */
void ek_multipliers_sum(double sa, double sb, double sy, ek_binary_params *p); /* ma = sa / sy, mb = sb / sy */

#endif
