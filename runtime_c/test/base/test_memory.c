/* Sizes, the arena and files. */
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/sizes.h"
#include "check.h"

static void check_sizes(void) {
  CHECK(ek_add_size(3, 4) == 7);
  CHECK(ek_add_size(SIZE_MAX, 1) == SIZE_MAX && ek_add_size(SIZE_MAX - 1, 5) == SIZE_MAX);
  CHECK(ek_mul_size(3, 4) == 12 && ek_mul_size(0, SIZE_MAX) == 0);
  CHECK(ek_mul_size(SIZE_MAX / 2, 3) == SIZE_MAX && ek_mul_size(SIZE_MAX, 1) == SIZE_MAX);
  CHECK(ek_align_size(0) == 0 && ek_align_size(1) == 64 && ek_align_size(64) == 64);
  CHECK(ek_align_size(SIZE_MAX - 10) == SIZE_MAX);
}

static void check_arena(void) {
  ek_arena measure = {0};
  CHECK(ek_arena_take(&measure, 3, 40) == NULL && measure.used == 128);
  CHECK(ek_arena_take(&measure, 0, 40) == NULL && measure.used == 128);
  CHECK(ek_arena_take(&measure, SIZE_MAX / 2, 40) == NULL && measure.used == SIZE_MAX);
  CHECK(ek_arena_take(&measure, 1, 1) == NULL && measure.used == SIZE_MAX);
  const ek_allocator allocator = ek_allocator_default();
  uint8_t *block = ek_allocate(&allocator, 192);
  memset(block, 0xAA, 192);
  ek_arena arena = {.base = block, .capacity = 192};
  const uint8_t *a = ek_arena_take(&arena, 1, 65), *b = ek_arena_take(&arena, 64, 1);
  CHECK(a == block && b == block + 128 && a[64] == 0 && b[63] == 0);
  CHECK(ek_arena_take(&arena, 1, 1) == NULL);
  ek_release(&allocator, block);
  CHECK(ek_allocate(&allocator, SIZE_MAX) == NULL);
}

static void check_files(void) {
  const ek_allocator allocator = ek_allocator_default();
  ek_error error = {0};
  ek_file file;
  CHECK(ek_file_open(&allocator, "no/such/file", &file, &error) == EK_ERR_IO);
  CHECK(strstr(error.text, "no/such/file") != NULL);
  CHECK(ek_file_open(&allocator, ".", &file, &error) != EK_OK);
  CHECK(ek_file_open(&allocator, "CMakeLists.txt", &file, &error) == EK_OK);
  CHECK(file.size > 100 && (uintptr_t)file.data % 64 == 0 && memcmp(file.data, "cmake_minimum_required", 22) == 0);
  ek_file_close(&allocator, &file);
  CHECK(file.data == NULL);
  ek_file_close(&allocator, &file);
#if defined(__linux__)
  /* Not mappable: read, through several blocks. */
  CHECK(ek_file_open(&allocator, "/proc/self/maps", &file, &error) == EK_OK);
  CHECK(file.memory != NULL && file.size > 10);
  ek_file_close(&allocator, &file);
#endif
}

int main(void) {
  check_sizes();
  check_arena();
  check_files();
  return check_result();
}
