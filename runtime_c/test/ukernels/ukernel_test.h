/* Shared by the micro-kernel tests: random numbers, buffers that end at a page that cannot be read, timing. */
#ifndef EK_TEST_UKERNELS_UKERNEL_TEST_H
#define EK_TEST_UKERNELS_UKERNEL_TEST_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ukernels/ukernel.h"

/* Random numbers that are the same on every machine. */
uint32_t test_random(void);
size_t test_random_below(size_t limit);
float test_random_float(void); /* in [-1, 1) */
int8_t test_random_int8(void);
int8_t test_random_weight(void); /* in [-127, 127] */

/* `size` bytes whose end is the end of readable memory: reading or writing one byte more is a fault. */
void *test_guarded_alloc(size_t size);
void test_guarded_free(void *pointer, size_t size);

/* Aligned as tensors in an arena are; release with free. */
void *test_aligned_alloc(size_t size);

/* Seconds, for benchmarks only. */
double test_now(void);

/* True when this CPU can run the row. */
int test_row_runs(const ek_ukernel_info *info);

/* Counts and reports a failure; returns from main with test_result(). */
void test_fail(const ek_ukernel_info *info, const char *format, ...) __attribute__((format(printf, 2, 3)));
int test_result(void);

/* One offset table [ks][mr] into `rows` rows of `stride` elements. Roughly one in six entries is padding when `pad`.
 * The last row of the buffer, the one at the unreadable page, is always used. */
void test_fill_offsets(uint32_t *offsets, size_t count, size_t rows, size_t stride, int pad);

#endif
