/* Operators on one tensor: the driver (unary.c) and the macros that write their loops. An operator file names its functions and a
 * definition; see exp.c. Quantized integers never come here: the quantizer turns these operators into Lookup. */
#ifndef EK_OPS_ELEMENTWISE_UNARY_H
#define EK_OPS_ELEMENTWISE_UNARY_H

#include "ek_ops_gen.h"
#include "ops/elementwise/types.h"
#include "ukernels/f32_vunary/f32_vunary.h"

typedef struct ek_unary_params {
  float p[3];             /* as f32_vunary takes them; the double function gets the same */
  ek_integer_bounds hold; /* p[0] and p[1] as a clamp on an integer type */
  ek_f32_vunary_function f32_function;
} ek_unary_params;

typedef void ek_unary_loop(size_t n, const void *x, void *y, const ek_unary_params *p);
typedef double ek_unary_real(double x, const ek_unary_params *p);

typedef struct ek_unary_def {
  ek_unary_loop *const *loops; /* by element type; NULL or a missing entry: see real */
  ek_unary_real *real;         /* F64; F32 and F16 too when f32_function is EK_F32_VUNARY_COUNT, rounded once */
  void (*attributes)(const void *attrs, ek_unary_params *p); /* NULL: none. May choose f32_function */
  ek_f32_vunary_function f32_function;
} ek_unary_def;

ek_status ek_unary_shape(ek_op_context *ctx);
ek_status ek_unary_prepare(ek_op_context *ctx, ek_op_memory *memory, const ek_unary_def *def);
ek_status ek_unary_run(ek_op_context *ctx, const ek_unary_def *def);

#define EK_UNARY_OP(snake, label, def)                                                 \
  static ek_status snake##_prepare(ek_op_context *ctx, ek_op_memory *memory) {         \
    return ek_unary_prepare(ctx, memory, &def);                                        \
  }                                                                                    \
  static ek_status snake##_run(ek_op_context *ctx) { return ek_unary_run(ctx, &def); } \
  const ek_op ek_op_##snake = {label, ek_unary_shape, snake##_prepare, NULL, snake##_run};

/* An operator on floats alone: a double function of x (and p), and a micro-kernel function. */
#define EK_UNARY_REAL_OP(snake, label, f32, expression)                    \
  static double snake##_real(double x, const ek_unary_params *p) {         \
    (void)p;                                                               \
    return expression;                                                     \
  }                                                                        \
  static const ek_unary_def snake##_def = {NULL, snake##_real, NULL, f32}; \
  EK_UNARY_OP(snake, label, snake##_def)

/* One loop: u is the operand, p the parameters; W is the unsigned type that wraps around. */
#define EK_LOOP1(function, X, C, WIDE, expression)                                     \
  static void function(size_t n, const void *x_, void *y_, const ek_unary_params *p) { \
    typedef WIDE W;                                                                    \
    typedef C Y;                                                                       \
    const X *x = x_;                                                                   \
    Y *y = y_;                                                                         \
    (void)p;                                                                           \
    (void)sizeof(W);                                                                   \
    for (size_t i = 0; i < n; i++) {                                                   \
      const X u = x[i];                                                                \
      y[i] = (Y)(expression);                                                          \
    }                                                                                  \
  }
#define EK_LOOP1_INTEGER_(arguments, name, number, TYPE, WIDE) \
  EK_LOOP1_INTEGER__(EK_UNPACK1 arguments, name, TYPE, WIDE)
#define EK_LOOP1_INTEGER__(...) EK_LOOP1_INTEGER___(__VA_ARGS__)
#define EK_LOOP1_INTEGER___(prefix, expression, name, TYPE, WIDE) \
  EK_LOOP1(prefix##_##name, TYPE, TYPE, WIDE, expression)
#define EK_UNPACK1(...) __VA_ARGS__
#define EK_LOOP1_ENTRY(prefix, name, number, TYPE, WIDE) [number] = prefix##_##name,
#define EK_UNARY_SIGNED_LOOPS(prefix, expression) EK_FOR_SIGNED(EK_LOOP1_INTEGER_, (prefix, expression))
#define EK_UNARY_UNSIGNED_LOOPS(prefix, expression) EK_FOR_UNSIGNED(EK_LOOP1_INTEGER_, (prefix, expression))
#define EK_UNARY_INTEGER_TABLE(prefix) \
  static ek_unary_loop *const prefix##_loops[EK_DTYPE_LIMIT] = {EK_FOR_INTEGERS(EK_LOOP1_ENTRY, prefix)};

/* Inside an integer loop: u held between the bounds. */
#define EK_HELD ((Y)p->hold.high < u ? (Y)p->hold.high : u < (Y)p->hold.low ? (Y)p->hold.low : u)

#endif
