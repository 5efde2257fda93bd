/* The body of every f32_vbinary row. The file that includes it has chosen EK_VECTOR_ISA and defines EK_F32_VBINARY_NAME. */
#include "ukernels/f32_vbinary/f32_vbinary.h"
#include "ukernels/vector.h"

#define EK_LOAD_V(p, i) ek_v_load(p + (i))
#define EK_LOAD_PART_V(p, i) ek_v_load_part(p + (i), n - (i))
#define EK_LOAD_S(p, i) p##_all
#define EK_LOAD_PART_S(p, i) p##_all

/* Two vectors a turn, then one, then the rest. */
#define EK_LOOP(A, B, expression)                                                                \
  do {                                                                                           \
    size_t i = 0;                                                                                \
    for (; i + 2 * EK_V <= n; i += 2 * EK_V) {                                                   \
      const ek_vf a0 = EK_LOAD_##A(a, i), a1 = EK_LOAD_##A(a, i + EK_V);                         \
      const ek_vf b0 = EK_LOAD_##B(b, i), b1 = EK_LOAD_##B(b, i + EK_V);                         \
      ek_v_store(y + i, expression(a0, b0));                                                     \
      ek_v_store(y + i + EK_V, expression(a1, b1));                                              \
    }                                                                                            \
    if (i + EK_V <= n) {                                                                         \
      ek_v_store(y + i, expression(EK_LOAD_##A(a, i), EK_LOAD_##B(b, i)));                       \
      i += EK_V;                                                                                 \
    }                                                                                            \
    if (i < n) {                                                                                 \
      ek_v_store_part(y + i, expression(EK_LOAD_PART_##A(a, i), EK_LOAD_PART_##B(b, i)), n - i); \
    }                                                                                            \
  } while (0)

#define EK_FORMS(expression)     \
  do {                           \
    if (!args->a_step) {         \
      EK_LOOP(S, V, expression); \
    } else if (!args->b_step) {  \
      EK_LOOP(V, S, expression); \
    } else {                     \
      EK_LOOP(V, V, expression); \
    }                            \
  } while (0);                   \
  break

#define EK_HOLD(v) ek_v_min(high, ek_v_max(low, v))
#define EK_ADD(p, q) EK_HOLD(p + q)
#define EK_SUB(p, q) EK_HOLD(p - q)
#define EK_MUL(p, q) EK_HOLD(p *q)
#define EK_DIV(p, q) EK_HOLD(p / q)

static inline ek_vf v_minimum(ek_vf p, ek_vf q) { return ek_v_eq(p, p, ek_v_min(p, q), p); } /* min gives a NaN q */
static inline ek_vf v_maximum(ek_vf p, ek_vf q) { return ek_v_eq(p, p, ek_v_max(p, q), p); }
static inline ek_vf v_squared_difference(ek_vf p, ek_vf q) { return (p - q) * (p - q); }
static inline ek_vf v_prelu(ek_vf p, ek_vf q) { return ek_v_lt(p, ek_v_set(0.0f), p * q, p); }

void EK_F32_VBINARY_NAME(size_t n, const float *a, const float *b, float *y, const ek_f32_vbinary_args *args) {
  if (n == 0) {
    return;
  }
  const ek_vf low = ek_v_set(args->min), high = ek_v_set(args->max), a_all = ek_v_set(a[0]), b_all = ek_v_set(b[0]);
  switch (args->function) {
    case EK_F32_VBINARY_ADD: EK_FORMS(EK_ADD);
    case EK_F32_VBINARY_SUB: EK_FORMS(EK_SUB);
    case EK_F32_VBINARY_MUL: EK_FORMS(EK_MUL);
    case EK_F32_VBINARY_DIV: EK_FORMS(EK_DIV);
    case EK_F32_VBINARY_MIN: EK_FORMS(v_minimum);
    case EK_F32_VBINARY_MAX: EK_FORMS(v_maximum);
    case EK_F32_VBINARY_SQUARED_DIFFERENCE: EK_FORMS(v_squared_difference);
    case EK_F32_VBINARY_PRELU: EK_FORMS(v_prelu);
    case EK_F32_VBINARY_COUNT: break;
  }
}

#undef EK_LOAD_V
#undef EK_LOAD_PART_V
#undef EK_LOAD_S
#undef EK_LOAD_PART_S
#undef EK_LOOP
#undef EK_FORMS
#undef EK_HOLD
#undef EK_ADD
#undef EK_SUB
#undef EK_MUL
#undef EK_DIV
