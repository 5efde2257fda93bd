/* The part of the OpenCL 1.2 interface that EdgeKit uses, declared here so that no OpenCL header or library is needed to build.
 * Names, types and numbers: "The OpenCL Specification, Version 1.2", Khronos Group, chapters 4 to 5 and its appendices. */
#ifndef EK_BACKENDS_OPENCL_CL_H
#define EK_BACKENDS_OPENCL_CL_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EK_CL_CALL __stdcall
#else
#define EK_CL_CALL
#endif

typedef int32_t cl_int;
typedef uint32_t cl_uint;
typedef uint64_t cl_bitfield;
typedef intptr_t cl_properties;

typedef struct ek_cl_platform_object *cl_platform_id;
typedef struct ek_cl_device_object *cl_device_id;
typedef struct ek_cl_context_object *cl_context;
typedef struct ek_cl_queue_object *cl_command_queue;
typedef struct ek_cl_memory_object *cl_mem;
typedef struct ek_cl_program_object *cl_program;
typedef struct ek_cl_kernel_object *cl_kernel;

enum {
  CL_SUCCESS = 0,
  CL_BUILD_PROGRAM_FAILURE = -11,

  CL_PLATFORM_VERSION = 0x0901,
  CL_PLATFORM_NAME = 0x0902,

  CL_DEVICE_TYPE = 0x1000,
  CL_DEVICE_MAX_WORK_GROUP_SIZE = 0x1004,
  CL_DEVICE_MAX_MEM_ALLOC_SIZE = 0x1010,
  CL_DEVICE_SINGLE_FP_CONFIG = 0x101B,
  CL_DEVICE_ENDIAN_LITTLE = 0x1026,
  CL_DEVICE_AVAILABLE = 0x1027,
  CL_DEVICE_COMPILER_AVAILABLE = 0x1028,
  CL_DEVICE_NAME = 0x102B,
  CL_DEVICE_VENDOR = 0x102C,
  CL_DRIVER_VERSION = 0x102D,
  CL_DEVICE_PROFILE = 0x102E,
  CL_DEVICE_VERSION = 0x102F,
  CL_DEVICE_EXTENSIONS = 0x1030,

  CL_FP_DENORM = 1 << 0,
  CL_FP_ROUND_TO_NEAREST = 1 << 2,
  CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT = 1 << 7,

  CL_CONTEXT_PLATFORM = 0x1084,
  CL_PROGRAM_BINARY_SIZES = 0x1165,
  CL_PROGRAM_BINARIES = 0x1166,
  CL_PROGRAM_BUILD_LOG = 0x1183,
  CL_KERNEL_WORK_GROUP_SIZE = 0x11B0
};

#define CL_DEVICE_TYPE_CPU ((cl_bitfield)1 << 1)
#define CL_DEVICE_TYPE_GPU ((cl_bitfield)1 << 2)
#define CL_DEVICE_TYPE_ALL ((cl_bitfield)0xFFFFFFFF)
#define CL_MEM_READ_WRITE ((cl_bitfield)1 << 0)
#define CL_MEM_READ_ONLY ((cl_bitfield)1 << 2)
#define CL_MEM_COPY_HOST_PTR ((cl_bitfield)1 << 5)

typedef void(EK_CL_CALL *ek_cl_context_notify)(const char *text, const void *info, size_t size, void *user);
typedef void(EK_CL_CALL *ek_cl_program_notify)(cl_program program, void *user);

#endif
