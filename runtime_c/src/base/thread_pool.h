/* A fixed set of worker threads that split index ranges. Created once a session; running never allocates. */
#ifndef EK_BASE_THREAD_POOL_H
#define EK_BASE_THREAD_POOL_H

#include "base/error.h"

typedef struct ek_thread_pool ek_thread_pool;

/* Handles [begin, end). `thread` is below ek_thread_pool_size: index per-thread scratch by it. */
typedef void (*ek_range_fn)(void *argument, size_t begin, size_t end, uint32_t thread);

/* Bytes of the one block that create takes from the allocator. */
size_t ek_thread_pool_bytes(uint32_t threads);
/* One thread gives a NULL pool. */
ek_status ek_thread_pool_create(const ek_allocator *allocator, uint32_t threads, ek_thread_pool **pool,
                                ek_error *error);
void ek_thread_pool_destroy(ek_thread_pool *pool);
/* Number of threads, the caller's included. 1 for NULL. */
uint32_t ek_thread_pool_size(const ek_thread_pool *pool);
/* Splits [0, count) into chunks of at least `grain` indices and returns when all are done. The boundaries depend on count, grain
 * and the pool's size only. A NULL pool runs everything on the caller. Not to be called from inside `fn`. */
void ek_parallel_for(ek_thread_pool *pool, size_t count, size_t grain, ek_range_fn fn, void *argument);

#endif
