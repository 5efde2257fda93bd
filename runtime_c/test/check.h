/* Checks for the C tests: a failure is printed and counted, the test goes on. */
#ifndef EK_TEST_CHECK_H
#define EK_TEST_CHECK_H

#include <stdio.h>

static int check_failures;

#define CHECK(condition)                                               \
  do {                                                                 \
    if (!(condition)) {                                                \
      printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      check_failures++;                                                \
    }                                                                  \
  } while (0)

/* As CHECK, with the name of what is being tested. */
#define CHECK_FOR(name, condition)                                               \
  do {                                                                           \
    if (!(condition)) {                                                          \
      printf("%s:%d: %s: not true: %s\n", __FILE__, __LINE__, name, #condition); \
      check_failures++;                                                          \
    }                                                                            \
  } while (0)

static inline int check_result(void) {
  printf(check_failures == 0 ? "ok\n" : "%d failures\n", check_failures);
  return check_failures != 0;
}

#endif
