#include "backends/opencl/library.h"

#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

/* Where desktop systems, Android vendors and boards keep it. Android's linker hides most of /vendor from applications unless the
 * manifest names the library (uses-native-library). */
static const char *const library_names[] = {
#if defined(_WIN32)
    "OpenCL.dll",
#elif defined(__APPLE__)
    "/System/Library/Frameworks/OpenCL.framework/OpenCL",
#else
    "libOpenCL.so.1",
    "libOpenCL.so",
#if defined(__ANDROID__) || defined(__aarch64__) || defined(__arm__)
    "/vendor/lib64/libOpenCL.so",
    "/system/vendor/lib64/libOpenCL.so",
    "/system/lib64/libOpenCL.so",
    "/vendor/lib/libOpenCL.so",
    "libOpenCL-pixel.so",
    "/vendor/lib64/libOpenCL-pixel.so",
    "libGLES_mali.so",
    "/vendor/lib64/egl/libGLES_mali.so",
    "/system/vendor/lib64/egl/libGLES_mali.so",
    "/vendor/lib/egl/libGLES_mali.so",
    "libmali.so",
    "libPVROCL.so",
    "/vendor/lib64/libPVROCL.so",
    "/vendor/lib/libPVROCL.so",
#endif
#endif
};

static void *open_name(const char *name) {
#if defined(_WIN32)
  return (void *)LoadLibraryA(name);
#else
  return dlopen(name, RTLD_NOW | RTLD_LOCAL);
#endif
}

/* Writes the address of a function through a pointer to its pointer: ISO C has no cast between the two kinds. */
static bool find_function(void *handle, const char *name, void *pointer) {
#if defined(_WIN32)
  FARPROC address = GetProcAddress((HMODULE)handle, name);
#else
  void *address = dlsym(handle, name);
#endif
  memcpy(pointer, &address, sizeof address);
  return address != NULL;
}

ek_status ek_cl_library_open(ek_cl_library *library, ek_error *error) {
  const char *named = getenv("EDGEKIT_OPENCL_LIBRARY");
  void *handle = NULL;
  if (named != NULL && named[0] != 0) {
    handle = open_name(named);
    if (handle == NULL) {
      return ek_fail(error, EK_ERR_BACKEND, "$EDGEKIT_OPENCL_LIBRARY names '%.200s', which cannot be opened", named);
    }
  }
  for (size_t i = 0; handle == NULL && i < sizeof library_names / sizeof library_names[0]; i++) {
    handle = open_name(library_names[i]);
  }
  if (handle == NULL) {
    return ek_fail(error, EK_ERR_BACKEND,
                   "no OpenCL library (%s); install a driver or name one in $EDGEKIT_OPENCL_LIBRARY", library_names[0]);
  }
  const char *missing = NULL;
#define EK_CL_FUNCTION(result, name, parameters)                          \
  if (!find_function(handle, #name, &library->name) && missing == NULL) { \
    missing = #name;                                                      \
  }
#include "backends/opencl/functions.inc"
#undef EK_CL_FUNCTION
  if (missing != NULL) {
    return ek_fail(error, EK_ERR_BACKEND, "the OpenCL library has no %s: it is older than OpenCL 1.2", missing);
  }
  return EK_OK;
}

/* The codes of OpenCL 1.2 (appendix A of the specification's error list), by -code. */
const char *ek_cl_error_name(cl_int code) {
  switch (code) {
    case 0: return "CL_SUCCESS";
    case -1: return "CL_DEVICE_NOT_FOUND";
    case -2: return "CL_DEVICE_NOT_AVAILABLE";
    case -3: return "CL_COMPILER_NOT_AVAILABLE";
    case -4: return "CL_MEM_OBJECT_ALLOCATION_FAILURE";
    case -5: return "CL_OUT_OF_RESOURCES";
    case -6: return "CL_OUT_OF_HOST_MEMORY";
    case -11: return "CL_BUILD_PROGRAM_FAILURE";
    case -30: return "CL_INVALID_VALUE";
    case -33: return "CL_INVALID_DEVICE";
    case -34: return "CL_INVALID_CONTEXT";
    case -36: return "CL_INVALID_COMMAND_QUEUE";
    case -38: return "CL_INVALID_MEM_OBJECT";
    case -42: return "CL_INVALID_BINARY";
    case -43: return "CL_INVALID_BUILD_OPTIONS";
    case -45: return "CL_INVALID_PROGRAM_EXECUTABLE";
    case -46: return "CL_INVALID_KERNEL_NAME";
    case -49: return "CL_INVALID_ARG_INDEX";
    case -51: return "CL_INVALID_ARG_SIZE";
    case -52: return "CL_INVALID_KERNEL_ARGS";
    case -54: return "CL_INVALID_WORK_GROUP_SIZE";
    case -55: return "CL_INVALID_WORK_ITEM_SIZE";
    case -61: return "CL_INVALID_BUFFER_SIZE";
    case -1001: return "CL_PLATFORM_NOT_FOUND_KHR";
    default: return "an OpenCL error";
  }
}
