/* Time for profiles: nanoseconds of a clock that never goes back. */
#ifndef EK_BASE_CLOCK_H
#define EK_BASE_CLOCK_H

#include <stdint.h>

uint64_t ek_clock_ns(void);

#endif
