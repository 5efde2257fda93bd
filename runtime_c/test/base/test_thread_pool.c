/* The thread pool: every index exactly once, boundaries that repeat, threads within bounds, failures without leaks. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/thread_pool.h"
#include "check.h"

#define COUNT 10007

typedef struct record {
  atomic_int seen[COUNT];
  uint8_t begins[COUNT]; /* 1 where a chunk began */
  atomic_uint highest;   /* largest thread number met */
  size_t shortest;
  pthread_mutex_t mutex;
} record;

static void note(void *argument, size_t begin, size_t end, uint32_t thread) {
  record *r = argument;
  for (size_t i = begin; i < end; i++) {
    atomic_fetch_add(&r->seen[i], 1);
  }
  pthread_mutex_lock(&r->mutex);
  r->begins[begin] = 1;
  if (thread > atomic_load(&r->highest)) {
    atomic_store(&r->highest, thread);
  }
  if (end - begin < r->shortest) {
    r->shortest = end - begin;
  }
  pthread_mutex_unlock(&r->mutex);
}

static record *new_record(void) {
  record *r = calloc(1, sizeof *r);
  if (r == NULL) {
    abort();
  }
  r->shortest = SIZE_MAX;
  pthread_mutex_init(&r->mutex, NULL);
  return r;
}

static void check_split(ek_thread_pool *pool, size_t count, size_t grain) {
  record *first = new_record(), *second = new_record();
  ek_parallel_for(pool, count, grain, note, first);
  ek_parallel_for(pool, count, grain, note, second);
  bool once = true;
  for (size_t i = 0; i < COUNT; i++) {
    once &= atomic_load(&first->seen[i]) == (i < count);
  }
  CHECK(once);
  CHECK(memcmp(first->begins, second->begins, COUNT) == 0);
  CHECK(atomic_load(&first->highest) < ek_thread_pool_size(pool));
  CHECK(count == 0 || first->shortest >= (grain < count ? grain : count) || grain == 0);
  free(first);
  free(second);
}

static void add_to_sum(void *argument, size_t begin, size_t end, uint32_t thread) {
  (void)thread;
  atomic_fetch_add((atomic_size_t *)argument, end - begin);
}

/* Jobs in quick succession, and after pauses in which the workers go to sleep. */
static void check_many_jobs(ek_thread_pool *pool) {
  atomic_size_t sum;
  atomic_init(&sum, 0);
  for (int i = 0; i < 3000; i++) {
    ek_parallel_for(pool, 64, 1, add_to_sum, &sum);
    if (i % 500 == 0) {
      for (volatile int wait = 0; wait < 3000000; wait++) {
      }
    }
  }
  CHECK(atomic_load(&sum) == 3000u * 64u);
}

static void *refuse(void *user, size_t size, size_t alignment) {
  (void)user;
  (void)size;
  (void)alignment;
  return NULL;
}

static void refuse_free(void *user, void *memory) {
  (void)user;
  (void)memory;
}

int main(void) {
  const ek_allocator allocator = ek_allocator_default(), none = {refuse, refuse_free, NULL};
  static const size_t counts[] = {0, 1, 2, 3, 7, 8, 9, 64, 100, COUNT}, grains[] = {0, 1, 2, 5, 64, 20000};
  ek_error error = {0};
  for (uint32_t threads = 1; threads <= 5; threads++) {
    ek_thread_pool *pool = NULL;
    CHECK(ek_thread_pool_create(&allocator, threads, &pool, &error) == EK_OK);
    CHECK((pool == NULL) == (threads == 1));
    CHECK(ek_thread_pool_size(pool) == threads);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
      for (size_t k = 0; k < sizeof grains / sizeof grains[0]; k++) {
        check_split(pool, counts[i], grains[k]);
      }
    }
    check_many_jobs(pool);
    ek_thread_pool_destroy(pool);
  }
  ek_thread_pool *pool = NULL;
  CHECK(ek_thread_pool_create(&none, 2, &pool, &error) == EK_ERR_OUT_OF_MEMORY && pool == NULL);
  CHECK(ek_thread_pool_create(&allocator, 100000, &pool, &error) == EK_ERR_INVALID_ARGUMENT && pool == NULL);
  return check_result();
}
