/* f32_vunary: every row against double precision within the bound of the header, and against the scalar row bit for bit. */
#include "ukernel_test.h"
#include "ukernels/f32_vunary/f32_vunary.h"

#define COUNT 40000

static double exact(const ek_f32_vunary_args *args, double x) {
  const double p0 = args->p[0], p1 = args->p[1], p2 = args->p[2];
  switch (args->function) {
    case EK_F32_VUNARY_ABS: return fabs(x);
    case EK_F32_VUNARY_NEG: return -x;
    case EK_F32_VUNARY_SQRT: return sqrt(x);
    case EK_F32_VUNARY_RSQRT: return 1 / sqrt(x);
    case EK_F32_VUNARY_RECIPROCAL: return 1 / x;
    case EK_F32_VUNARY_FLOOR: return floor(x);
    case EK_F32_VUNARY_CEIL: return ceil(x);
    case EK_F32_VUNARY_ROUND: return nearbyint(x);
    case EK_F32_VUNARY_SIGN: return x > 0 ? 1 : x < 0 ? -1 : x;
    case EK_F32_VUNARY_CLAMP: return x < p0 ? p0 : x > p1 ? p1 : x;
    case EK_F32_VUNARY_LEAKY_RELU: return x < 0 ? p0 * x : x;
    case EK_F32_VUNARY_ELU: return x < 0 ? p0 * expm1(p1 * x) : p2 * x;
    case EK_F32_VUNARY_THRESHOLDED_RELU: return x > p0 ? x : 0;
    case EK_F32_VUNARY_EXP: return exp(x);
    case EK_F32_VUNARY_LOG: return log(x);
    case EK_F32_VUNARY_TANH: return tanh(x);
    case EK_F32_VUNARY_SIGMOID: return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
    case EK_F32_VUNARY_ERF: return erf(x);
    case EK_F32_VUNARY_SOFTPLUS: return isnan(x) ? x : fmax(x, 0) + log1p(exp(-fabs(x)));
    case EK_F32_VUNARY_SOFTSIGN: return x / (1 + fabs(x));
    case EK_F32_VUNARY_HARD_SIGMOID: return p0 * x + p1 < 0 ? 0 : p0 * x + p1 > 1 ? 1 : p0 * x + p1;
    case EK_F32_VUNARY_HARD_SWISH: return x < -3 ? x * 0 : x > 3 ? x : x * (x + 3) / 6;
    case EK_F32_VUNARY_SILU: return x < 0 ? x * exp(x) / (1 + exp(x)) : x / (1 + exp(-x));
    case EK_F32_VUNARY_GELU: return 0.5 * x * erfc(-x * 0.70710678118654752);
    case EK_F32_VUNARY_GELU_TANH: return x / (1 + exp(-2 * 0.79788456080286536 * (x + 0.044715 * x * x * x)));
    case EK_F32_VUNARY_MISH: return x * tanh(fmax(x, 0) + log1p(exp(-fabs(x))));
    case EK_F32_VUNARY_COUNT: break;
  }
  return 0;
}

/* The bound of the header, in units in the last place; negative: absolute, in units of 2^-24. */
static double bound_ulp(ek_f32_vunary_function f) {
  switch (f) {
    case EK_F32_VUNARY_ABS:
    case EK_F32_VUNARY_NEG:
    case EK_F32_VUNARY_SQRT:
    case EK_F32_VUNARY_RECIPROCAL:
    case EK_F32_VUNARY_FLOOR:
    case EK_F32_VUNARY_CEIL:
    case EK_F32_VUNARY_ROUND:
    case EK_F32_VUNARY_SIGN:
    case EK_F32_VUNARY_CLAMP:
    case EK_F32_VUNARY_THRESHOLDED_RELU: return 0.5;
    case EK_F32_VUNARY_LEAKY_RELU:
    case EK_F32_VUNARY_RSQRT:
    case EK_F32_VUNARY_SOFTSIGN: return 2;
    case EK_F32_VUNARY_HARD_SIGMOID: return -2;
    case EK_F32_VUNARY_HARD_SWISH:
    case EK_F32_VUNARY_EXP:
    case EK_F32_VUNARY_LOG:
    case EK_F32_VUNARY_TANH:
    case EK_F32_VUNARY_SIGMOID:
    case EK_F32_VUNARY_ERF: return 3;
    default: return 8;
  }
}

static int bad(const ek_f32_vunary_args *args, float x, float y, double *error) {
  const double want = exact(args, x), bound = bound_ulp(args->function);
  *error = 0;
  if (isnan(want) || isnan(y)) return !(isnan(want) && isnan(y));
  if (isinf((float)want) || isinf(y)) {
    return !(y == (float)want ||
             (fabs(want) > 3.4e38 && fabsf(y) > 3.4e38f)); /* at the edge of overflow either may round up */
  }
  if (args->function == EK_F32_VUNARY_GELU || args->function == EK_F32_VUNARY_GELU_TANH) {
    *error = fabs(y - want) / (0x1p-22 * fmax(fabs(x), 0x1p-24));
    return *error > 1;
  }
  int exponent;
  (void)frexp(want, &exponent);
  const double ulp = bound < 0 ? 0x1p-24 : ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
  const double subnormal =
      fabs(want) < 0x1p-100 ? 0x1p-149 * fmax(fabs(x), 1) : 0; /* of the result, or of a factor of x */
  *error = fmax(fabs(y - want) - subnormal, 0) / ulp;
  return *error > fabs(bound);
}

static float input(size_t i) {
  static const float special[] = {0.0f,      -0.0f,     1.0f,       -1.0f,       INFINITY,        -INFINITY,
                                  NAN,       0x1p-149f, -0x1p-149f, 0x1p-126f,   0x1.fffffep127f, -0x1.fffffep127f,
                                  88.72283f, 88.72284f, -87.33655f, -103.97208f, -103.97209f,     0.5f,
                                  1.5f,      2.5f,      -0.5f,      -2.5f,       0.625f,          0.92f,
                                  3.92f,     4.0f,      8388607.5f, 8388608.0f,  -8388607.5f,     3.0f,
                                  -3.0f,     20.0f};
  const size_t specials = sizeof special / sizeof *special;
  if (i < specials) return special[i];
  const float u = test_random_float();
  switch (i % 5) {
    case 0: return u;
    case 1: return u * 10.0f;
    case 2: return u * 110.0f;
    case 3: return u * 0.01f;
    default: return ldexpf(u, (int)test_random_below(250) - 125);
  }
}

int main(int argc, char **argv) {
  const int bench = argc > 1 && strcmp(argv[1], "--bench") == 0;
  size_t count;
  const ek_f32_vunary_row *rows = ek_f32_vunary_rows(&count);
  float *x = malloc(COUNT * sizeof *x), *scalar = malloc(COUNT * sizeof *scalar), *out = malloc(COUNT * sizeof *out);
  for (size_t i = 0; i < COUNT; i++) x[i] = input(i);
  for (int f = 0; f < EK_F32_VUNARY_COUNT; f++) {
    ek_f32_vunary_args args = {(ek_f32_vunary_function)f, {0.2f, 0.5f, 0.0f}};
    if (f == EK_F32_VUNARY_ELU) args = (ek_f32_vunary_args){EK_F32_VUNARY_ELU, {1.75f, 1.0f, 1.05f}};
    if (f == EK_F32_VUNARY_CLAMP) args.p[0] = -0.75f;
    double worst = 0;
    rows[0].fn(COUNT, x, scalar, &args);
    for (size_t i = 0; i < COUNT; i++) {
      double error;
      if (bad(&args, x[i], scalar[i], &error)) {
        test_fail(&rows[0].info, "function %d of %.9g (%a): %.9g, exact %.17g, error %.3g", f, (double)x[i],
                  (double)x[i], (double)scalar[i], exact(&args, x[i]), error);
      }
      worst = error > worst ? error : worst;
    }
    if (bench) printf("function %2d: largest error %.3f\n", f, worst);
    for (size_t r = 0; r < count; r++) {
      if (!test_row_runs(&rows[r].info)) continue;
      for (size_t n = 0; n < 70; n++) { /* every remainder, at the end of memory, in place */
        float *y = test_guarded_alloc(n * sizeof *y + 4);
        float *at = (float *)((char *)y + 4);
        memcpy(at, x + n, n * sizeof *y);
        rows[r].fn(n, at, at, &args);
        if (memcmp(at, scalar + n, n * sizeof *y) != 0) {
          size_t i = 0;
          while (memcmp(at + i, scalar + n + i, 4) == 0) i++;
          if (!isnan(at[i]) || !isnan(scalar[n + i])) {
            test_fail(&rows[r].info, "function %d n=%zu of %.9g: %.9g, scalar %.9g", f, n, (double)x[n + i],
                      (double)at[i], (double)scalar[n + i]);
          }
        }
        test_guarded_free(y, n * sizeof *y + 4);
      }
      float *y = malloc(COUNT * sizeof *y);
      rows[r].fn(COUNT, x, y, &args);
      for (size_t i = 0; i < COUNT; i++) {
        if (memcmp(y + i, scalar + i, 4) != 0 && !(isnan(y[i]) && isnan(scalar[i]))) {
          test_fail(&rows[r].info, "function %d of %.9g: %.9g, scalar %.9g", f, (double)x[i], (double)y[i],
                    (double)scalar[i]);
        }
      }
      if (bench) {
        for (size_t i = 0; i < COUNT; i++) y[i] = (float)(i % 800) * 0.01f - 4.0f;
        const double start = test_now();
        for (int k = 0; k < 50; k++) rows[r].fn(COUNT, y, out, &args);
        printf("%-40s function %2d: %6.2f ns/element\n", rows[r].info.name, f, (test_now() - start) / 50 / COUNT * 1e9);
      }
      free(y);
    }
  }
  free(x);
  free(scalar);
  free(out);
  return test_result();
}
