/* f32_vbinary: every row, function, form and remainder against the C expression. */
#include "ukernel_test.h"
#include "ukernels/f32_vbinary/f32_vbinary.h"

static float expected(const ek_f32_vbinary_args *args, float a, float b) {
  float y = 0.0f;
  switch (args->function) {
    case EK_F32_VBINARY_ADD: y = a + b; break;
    case EK_F32_VBINARY_SUB: y = a - b; break;
    case EK_F32_VBINARY_MUL: y = a * b; break;
    case EK_F32_VBINARY_DIV: y = a / b; break;
    case EK_F32_VBINARY_MIN: return isnan(a) ? a : isnan(b) ? b : a < b ? a : b;
    case EK_F32_VBINARY_MAX: return isnan(a) ? a : isnan(b) ? b : a > b ? a : b;
    case EK_F32_VBINARY_SQUARED_DIFFERENCE: return (a - b) * (a - b);
    case EK_F32_VBINARY_PRELU: return a < 0 ? a * b : a;
    case EK_F32_VBINARY_COUNT: break;
  }
  if (y < args->min) y = args->min;
  return y > args->max ? args->max : y;
}

static float input(void) {
  static const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, 0x1.fffffep127f, 1.0f};
  const uint32_t r = test_random();
  return r % 8 == 0 ? special[r / 8 % 8] : test_random_float() * 4.0f;
}

int main(void) {
  size_t count;
  const ek_f32_vbinary_row *rows = ek_f32_vbinary_rows(&count);
  for (size_t r = 0; r < count; r++) {
    if (!test_row_runs(&rows[r].info)) continue;
    for (int f = 0; f < EK_F32_VBINARY_COUNT; f++) {
      for (int form = 1; form < 4; form++) {
        for (size_t n = 1; n < 80; n++) {
          const int clamp = (int)(n % 3);
          const ek_f32_vbinary_args args = {(ek_f32_vbinary_function)f, form & 1, form >> 1,
                                            clamp == 1 ? -0.5f : -INFINITY, clamp >= 1 ? 1.5f : INFINITY};
          const size_t an = args.a_step ? n : 1, bn = args.b_step ? n : 1;
          float *a = test_guarded_alloc(an * 4), *b = test_guarded_alloc(bn * 4), *y = test_guarded_alloc(n * 4);
          for (size_t i = 0; i < an; i++) a[i] = input();
          for (size_t i = 0; i < bn; i++) b[i] = input();
          rows[r].fn(n, a, b, y, &args);
          for (int in_place = 0; in_place < 2; in_place++) {
            for (size_t i = 0; i < n; i++) {
              const float want = expected(&args, a[i * args.a_step], b[i * args.b_step]);
              if (!(y[i] == want || (isnan(y[i]) && isnan(want)))) {
                test_fail(&rows[r].info, "function %d form %d n=%zu i=%zu: %.9g, expected %.9g", f, form, n, i,
                          (double)y[i], (double)want);
              }
            }
            float *alias = args.a_step ? a : b, *kept = malloc(n * 4);
            memcpy(kept, alias, n * 4);
            rows[r].fn(n, a, b, alias, &args);
            memcpy(y, alias, n * 4);
            memcpy(alias, kept, n * 4);
            free(kept);
          }
          test_guarded_free(a, an * 4);
          test_guarded_free(b, bn * 4);
          test_guarded_free(y, n * 4);
        }
      }
    }
  }
  return test_result();
}
