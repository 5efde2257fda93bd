/* libOpenCL, opened when a session first asks for it: nothing links against it. */
#ifndef EK_BACKENDS_OPENCL_LIBRARY_H
#define EK_BACKENDS_OPENCL_LIBRARY_H

#include "backends/opencl/cl.h"
#include "base/error.h"

typedef struct ek_cl_library {
#define EK_CL_FUNCTION(result, name, parameters) result(EK_CL_CALL *name) parameters;
#include "backends/opencl/functions.inc"
#undef EK_CL_FUNCTION
} ek_cl_library;

/* Opens the library that $EDGEKIT_OPENCL_LIBRARY names, else the first of the usual names and places. It is never closed: drivers
 * start threads that outlive their last object, and the loader counts references anyway. */
ek_status ek_cl_library_open(ek_cl_library *library, ek_error *error);

/* "CL_OUT_OF_RESOURCES (-5)", or the number alone. */
const char *ek_cl_error_name(cl_int code);

#endif
