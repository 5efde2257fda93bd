#include "backends/backend.h"

/* This build has none. */
const ek_backend *ek_backend_opencl(void) { return NULL; }
