/* The body of the int8 rows that compute y = rne(clamp(f(a - za, b - zb))) + zy in float32: qs8_vadd and qs8_vmul. The file that
 * includes it has chosen EK_VECTOR_ISA, included its family's header, and defines
 *   EK_QS8_NAME, EK_QS8_ARGS, EK_QS8_COMBINE(pa, pb)   float vectors of a - za and b - zb; `args` is in scope
 * Every operation is rounded once, so all rows give the same bits. */
#include "ukernels/vector.h"

#ifndef EK_QS8_PAIR
#define EK_QS8_PAIR (2 * EK_V)
typedef struct ek_qs8_pair {
  ek_vf v0, v1;
} ek_qs8_pair;

static inline ek_qs8_pair ek_qs8_load(const int8_t *p, uint32_t zero) {
  ek_vu q0, q1;
  ek_v_load2_s8(p, &q0, &q1);
  return (ek_qs8_pair){ek_v_convert(q0 - zero), ek_v_convert(q1 - zero)};
}

static inline void ek_qs8_store(int8_t *p, ek_qs8_pair y, ek_vf low, ek_vf high, uint32_t zero) {
  y.v0 = ek_v_min(high, ek_v_max(low, y.v0));
  y.v1 = ek_v_min(high, ek_v_max(low, y.v1));
  ek_v_store2_s8(p, ek_v_round(y.v0) + zero, ek_v_round(y.v1) + zero);
}
#endif

#define EK_TURN(pa, pb, to)                                                         \
  do {                                                                              \
    const ek_qs8_pair u = pa, v = pb;                                               \
    const ek_qs8_pair r = {EK_QS8_COMBINE(u.v0, v.v0), EK_QS8_COMBINE(u.v1, v.v1)}; \
    ek_qs8_store(to, r, low, high, y_zero);                                         \
  } while (0)

#define EK_LOOP(pa, pb)                        \
  for (; n >= EK_QS8_PAIR; n -= EK_QS8_PAIR) { \
    EK_TURN(pa, pb, y);                        \
    a += EK_QS8_PAIR * args->a_step;           \
    b += EK_QS8_PAIR * args->b_step;           \
    y += EK_QS8_PAIR;                          \
  }

void EK_QS8_NAME(size_t n, const int8_t *a, const int8_t *b, int8_t *y, const EK_QS8_ARGS *args) {
  const uint32_t a_zero = (uint32_t)args->a_zero, b_zero = (uint32_t)args->b_zero, y_zero = (uint32_t)args->y_zero;
  const ek_vf low = ek_v_set((float)(args->min - args->y_zero)), high = ek_v_set((float)(args->max - args->y_zero));
  if (n == 0) {
    return;
  }
  const ek_vf a_all = ek_v_set((float)(int32_t)((uint32_t)(int32_t)a[0] - a_zero));
  const ek_vf b_all = ek_v_set((float)(int32_t)((uint32_t)(int32_t)b[0] - b_zero));
  const ek_qs8_pair a_pair = {a_all, a_all}, b_pair = {b_all, b_all};
  if (!args->a_step) {
    EK_LOOP(a_pair, ek_qs8_load(b, b_zero));
  } else if (!args->b_step) {
    EK_LOOP(ek_qs8_load(a, a_zero), b_pair);
  } else {
    EK_LOOP(ek_qs8_load(a, a_zero), ek_qs8_load(b, b_zero));
  }
  if (n > 0) {
    int8_t a_rest[EK_QS8_PAIR] = {0}, b_rest[EK_QS8_PAIR] = {0}, y_rest[EK_QS8_PAIR];
    for (size_t i = 0; i < n; i++) {
      a_rest[i] = a[i * args->a_step];
      b_rest[i] = b[i * args->b_step];
    }
    EK_TURN(ek_qs8_load(a_rest, a_zero), ek_qs8_load(b_rest, b_zero), y_rest);
    for (size_t i = 0; i < n; i++) y[i] = y_rest[i];
  }
}

#undef EK_TURN
#undef EK_LOOP
