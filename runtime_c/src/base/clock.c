#include "base/clock.h"

#include <time.h>

uint64_t ek_clock_ns(void) {
  struct timespec now;
#if defined(CLOCK_MONOTONIC)
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
#else
  (void)timespec_get(&now, TIME_UTC);
#endif
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
