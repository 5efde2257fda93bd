/* Mod: the remainder of a / b, with the sign of b, or of a when fmod is set. x mod 0 is 0 for integers. */
#include "ops/elementwise/binary.h"

static double mod_real(double a, double b, bool truncate) {
  double r = fmod(a, b);
  if (truncate || b == 0) {
    return r;
  }
  if (r == 0) {
    return copysign(0.0, b);
  }
  return (b < 0) != (r < 0) ? r + b : r;
}

/* The double sum above would round differently. */
static float mod_f32(float a, float b, bool truncate) {
  const float r = fmodf(a, b);
  if (truncate || b == 0) {
    return r;
  }
  if (r == 0) {
    return copysignf(0.0f, b);
  }
  return (b < 0) != (r < 0) ? r + b : r;
}

EK_LOOP2(mod_f32_loop, float, float, float, uint32_t, mod_f32(u, v, p->flag))
EK_LOOP2_F16(mod_f16, uint16_t, ek_f32_to_f16, mod_f32(u, v, p->flag))
EK_LOOP2(mod_f64, double, double, double, uint64_t, mod_real(u, v, p->flag))
EK_BINARY_SIGNED_LOOPS(mod, v == 0 || v == -1 ? 0 : !p->flag && u % v != 0 && (u < 0) != (v < 0) ? u % v + v : u % v)
EK_BINARY_UNSIGNED_LOOPS(mod, v == 0 ? 0 : u % v)
EK_BINARY_NUMBER_TABLE(mod, mod_f32_loop)

static void mod_attributes(const void *attrs, ek_binary_params *p) { p->flag = ((const ek_mod_attrs *)attrs)->fmod; }

static const ek_binary_def mod_def = {mod_loops, NULL, NULL, mod_attributes, EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(mod, "Mod", mod_def)
