/* Workers sleep on an epoch counter: a job bumps it, every worker takes part once and reports back. Both sides spin for a few
 * microseconds before they block, because the next job of an inference usually follows at once. Chunk boundaries depend on the
 * count, the grain and the pool's size only; which worker takes which chunk does not matter to the result. */
#include "base/thread_pool.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/allocator.h"
#include "base/sizes.h"

#define MAX_THREADS 256
#define SPIN_COUNT 2000
#define CHUNKS_PER_THREAD 4

typedef struct worker {
  ek_thread_pool *pool;
  pthread_t handle;
  uint32_t index;
} worker;

struct ek_thread_pool {
  ek_allocator allocator;
  uint32_t size;    /* the caller included */
  uint32_t started; /* workers to join */
  pthread_mutex_t mutex;
  pthread_cond_t has_work;
  pthread_cond_t all_done;
  atomic_uint epoch;
  atomic_uint busy; /* workers that have not finished the present job */
  atomic_bool stop;
  /* The job. */
  ek_range_fn fn;
  void *argument;
  size_t count;
  size_t chunks;
  atomic_size_t next;
  worker workers[];
};

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ __volatile__("yield");
#endif
}

static void work(ek_thread_pool *pool, uint32_t thread) {
  const size_t base = pool->count / pool->chunks, extra = pool->count % pool->chunks;
  for (;;) {
    const size_t i = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (i >= pool->chunks) {
      return;
    }
    /* The first `extra` chunks are one index longer. */
    const size_t begin = i * base + (i < extra ? i : extra);
    pool->fn(pool->argument, begin, begin + base + (i < extra ? 1 : 0), thread);
  }
}

static void *worker_main(void *argument) {
  worker *self = argument;
  ek_thread_pool *pool = self->pool;
  unsigned seen = 0;
  for (;;) {
    unsigned spins = 0;
    while (atomic_load_explicit(&pool->epoch, memory_order_acquire) == seen && spins < SPIN_COUNT) {
      relax();
      spins++;
    }
    if (spins == SPIN_COUNT) {
      pthread_mutex_lock(&pool->mutex);
      while (atomic_load_explicit(&pool->epoch, memory_order_acquire) == seen) {
        pthread_cond_wait(&pool->has_work, &pool->mutex);
      }
      pthread_mutex_unlock(&pool->mutex);
    }
    seen++;
    if (atomic_load_explicit(&pool->stop, memory_order_acquire)) {
      return NULL;
    }
    work(pool, self->index);
    if (atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_acq_rel) == 1) {
      pthread_mutex_lock(&pool->mutex);
      pthread_cond_signal(&pool->all_done);
      pthread_mutex_unlock(&pool->mutex);
    }
  }
}

static void announce(ek_thread_pool *pool) {
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add_explicit(&pool->epoch, 1, memory_order_release);
  pthread_cond_broadcast(&pool->has_work);
  pthread_mutex_unlock(&pool->mutex);
}

size_t ek_thread_pool_bytes(uint32_t threads) { return sizeof(ek_thread_pool) + (size_t)threads * sizeof(worker); }

ek_status ek_thread_pool_create(const ek_allocator *allocator, uint32_t threads, ek_thread_pool **out,
                                ek_error *error) {
  *out = NULL;
  if (threads <= 1) {
    return EK_OK;
  }
  if (threads > MAX_THREADS) {
    return ek_fail(error, EK_ERR_INVALID_ARGUMENT, "%u threads asked for; at most %d are possible", threads,
                   MAX_THREADS);
  }
  ek_thread_pool *pool = ek_allocate(allocator, ek_thread_pool_bytes(threads));
  if (pool == NULL) {
    return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory for %u threads", threads);
  }
  pool->allocator = *allocator;
  pool->size = threads;
  pool->started = 0;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->has_work, NULL);
  pthread_cond_init(&pool->all_done, NULL);
  atomic_init(&pool->epoch, 0);
  atomic_init(&pool->busy, 0);
  atomic_init(&pool->stop, false);
  atomic_init(&pool->next, 0);
  for (uint32_t i = 0; i + 1 < threads; i++) {
    worker *w = &pool->workers[i];
    w->pool = pool;
    w->index = i + 1;
    if (pthread_create(&w->handle, NULL, worker_main, w) != 0) {
      ek_thread_pool_destroy(pool);
      return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "the system refused to start thread %u of %u", i + 2, threads);
    }
    pool->started++;
  }
  *out = pool;
  return EK_OK;
}

void ek_thread_pool_destroy(ek_thread_pool *pool) {
  if (pool == NULL) {
    return;
  }
  atomic_store_explicit(&pool->stop, true, memory_order_release);
  announce(pool);
  for (uint32_t i = 0; i < pool->started; i++) {
    pthread_join(pool->workers[i].handle, NULL);
  }
  pthread_cond_destroy(&pool->all_done);
  pthread_cond_destroy(&pool->has_work);
  pthread_mutex_destroy(&pool->mutex);
  const ek_allocator allocator = pool->allocator;
  ek_release(&allocator, pool);
}

uint32_t ek_thread_pool_size(const ek_thread_pool *pool) { return pool == NULL ? 1 : pool->size; }

void ek_parallel_for(ek_thread_pool *pool, size_t count, size_t grain, ek_range_fn fn, void *argument) {
  if (count == 0) {
    return;
  }
  const size_t most = count / (grain != 0 ? grain : 1);
  if (pool == NULL || most <= 1) {
    fn(argument, 0, count, 0);
    return;
  }
  const size_t wanted = (size_t)pool->size * CHUNKS_PER_THREAD;
  pool->fn = fn;
  pool->argument = argument;
  pool->count = count;
  pool->chunks = most < wanted ? most : wanted;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->busy, pool->started, memory_order_relaxed);
  announce(pool);
  work(pool, 0);
  for (unsigned spins = 0; spins < SPIN_COUNT; spins++) {
    if (atomic_load_explicit(&pool->busy, memory_order_acquire) == 0) {
      return;
    }
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  while (atomic_load_explicit(&pool->busy, memory_order_acquire) != 0) {
    pthread_cond_wait(&pool->all_done, &pool->mutex);
  }
  pthread_mutex_unlock(&pool->mutex);
}
