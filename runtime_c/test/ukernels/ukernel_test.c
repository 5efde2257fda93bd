#include "ukernel_test.h"

#include <stdarg.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint64_t test_state = UINT64_C(0x9E3779B97F4A7C15);
static int test_failures;

uint32_t test_random(void) {
  test_state ^= test_state << 13;
  test_state ^= test_state >> 7;
  test_state ^= test_state << 17;
  return (uint32_t)(test_state >> 32);
}

size_t test_random_below(size_t limit) { return test_random() % limit; }

float test_random_float(void) { return (float)(int32_t)test_random() * 0x1p-31f; }

/* Extremes often: they are what overflows. */
int8_t test_random_int8(void) {
  const uint32_t r = test_random();
  if (r % 8 == 0) return r & 64 ? 127 : -128;
  return (int8_t)(r >> 8);
}

int8_t test_random_weight(void) {
  const int8_t value = test_random_int8();
  return value == -128 ? -127 : value;
}

static size_t test_page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

void *test_guarded_alloc(size_t size) {
  const size_t page = test_page(), pages = (size + page - 1) / page;
  char *base = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(base + pages * page, page, PROT_NONE) != 0) {
    perror("test_guarded_alloc");
    exit(2);
  }
  return base + pages * page - size;
}

void test_guarded_free(void *pointer, size_t size) {
  const size_t page = test_page(), pages = (size + page - 1) / page;
  munmap((char *)pointer + size - pages * page, (pages + 1) * page);
}

void *test_aligned_alloc(size_t size) { return aligned_alloc(64, (size + 63) / 64 * 64); }

double test_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int test_row_runs(const ek_ukernel_info *info) { return (info->cpu & ~ek_cpu_detect()) == 0; }

void test_fail(const ek_ukernel_info *info, const char *format, ...) {
  if (test_failures++ > 20) return;
  va_list arguments;
  va_start(arguments, format);
  printf("FAIL %s: ", info->name);
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
}

int test_result(void) {
  printf(test_failures ? "%d failures\n" : "ok\n", test_failures);
  return test_failures != 0;
}

void test_fill_offsets(uint32_t *offsets, size_t count, size_t rows, size_t stride, int pad) {
  for (size_t i = 0; i < count; i++) {
    offsets[i] = pad && test_random_below(6) == 0 ? UINT32_MAX : (uint32_t)(test_random_below(rows) * stride);
  }
  offsets[test_random_below(count)] = (uint32_t)((rows - 1) * stride);
}
