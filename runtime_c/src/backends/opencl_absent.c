/* What builds without the OpenCL back end have in its place. */
#include "backends/backend.h"

#if defined(EK_NO_OPENCL)
const ek_backend *ek_backend_opencl(void) { return NULL; }
#endif
