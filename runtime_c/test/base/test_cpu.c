#include "base/cpu.h"

#include <stdio.h>
#include <string.h>

#include "base/requantize.h"

static int failures;

#define CHECK(condition)                             \
  do {                                               \
    if (!(condition)) {                              \
      printf("line %d: %s\n", __LINE__, #condition); \
      failures++;                                    \
    }                                                \
  } while (0)

/* Every level a CPU has comes with the levels it implies, and every name reads back. */
static void test_levels(void) {
  const uint64_t features = ek_cpu_detect();
  uint64_t mask = 7;
  CHECK(ek_cpu_parse_isa("nonsense", &mask) == -1 && mask == 7);
  CHECK(ek_cpu_parse_isa("scalar", &mask) == 0 && mask == 0);
  CHECK(ek_cpu_parse_isa("native", &mask) == 0 && mask == features);
  CHECK(ek_cpu_feature_name(0) == NULL && ek_cpu_feature_name(EK_CPU_NEON | EK_CPU_NEONDOT) == NULL);
  for (int i = 0; i < 64; i++) {
    const uint64_t bit = UINT64_C(1) << i;
    const char *name = ek_cpu_feature_name(bit);
    if (name == NULL) {
      CHECK((features & bit) == 0);
      continue;
    }
    CHECK(ek_cpu_parse_isa(name, &mask) == 0 && (mask & bit) != 0);
    if (features & bit) CHECK((features & mask) == mask);
    printf("%s%s", features & bit ? " " : " no ", name);
  }
  printf("\n");
}

static void test_requantize(void) {
  CHECK(ek_requantize(5, 0.5f, 0, -128, 127) == 2); /* ties to even */
  CHECK(ek_requantize(7, 0.5f, 0, -128, 127) == 4);
  CHECK(ek_requantize(-5, 0.5f, 0, -128, 127) == -2);
  CHECK(ek_requantize(-3, 0.5f, 10, -128, 127) == 8);
  CHECK(ek_requantize(INT32_MAX, 1e30f, -128, -128, 127) == 127);
  CHECK(ek_requantize(INT32_MIN, 1e30f, 127, -100, 127) == -100);
  CHECK(ek_requantize(16777217, 0x1p-24f, 0, -128, 127) == 1); /* (float)acc rounds */
}

int main(void) {
  test_levels();
  test_requantize();
  printf(failures ? "%d failures\n" : "ok\n", failures);
  return failures != 0;
}
