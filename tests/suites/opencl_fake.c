/* An OpenCL library that pretends, for tests of what cannot be had from a real driver. $FAKE_OPENCL chooses:
 *   no_platform   no platform at all
 *   no_device     two platforms, neither with a device
 *   rounding      a device that does not round to nearest
 *   broken        a device whose compiler refuses every program with a log
 */
#include <stdlib.h>
#include <string.h>

#include "backends/opencl/cl.h"

static int platform, device, context, queue, program;

static int fakes(const char *what) {
  const char *mode = getenv("FAKE_OPENCL");
  return mode != NULL && strcmp(mode, what) == 0;
}

static cl_int give(const void *value, size_t size, size_t room, void *to, size_t *needed) {
  if (needed != NULL) *needed = size;
  if (to == NULL) return CL_SUCCESS;
  if (room < size) return -30;
  memcpy(to, value, size);
  return CL_SUCCESS;
}

static cl_int give_text(const char *text, size_t room, void *to, size_t *needed) { return give(text, strlen(text) + 1, room, to, needed); }

cl_int clGetPlatformIDs(cl_uint room, cl_platform_id *ids, cl_uint *count) {
  *count = fakes("no_platform") ? 0 : 2;
  for (cl_uint i = 0; i < *count && i < room; i++) ids[i] = (cl_platform_id)(void *)&platform;
  return fakes("no_platform") ? -1001 : CL_SUCCESS;
}

cl_int clGetPlatformInfo(cl_platform_id id, cl_uint what, size_t room, void *to, size_t *needed) {
  (void)id, (void)what;
  return give_text("OpenCL 1.2 fake", room, to, needed);
}

cl_int clGetDeviceIDs(cl_platform_id id, cl_bitfield type, cl_uint room, cl_device_id *ids, cl_uint *count) {
  (void)id, (void)type, (void)room;
  if (fakes("no_device")) return -1;
  *count = 1;
  ids[0] = (cl_device_id)(void *)&device;
  return CL_SUCCESS;
}

cl_int clGetDeviceInfo(cl_device_id id, cl_uint what, size_t room, void *to, size_t *needed) {
  const cl_bitfield gpu = CL_DEVICE_TYPE_GPU, memory = (cl_bitfield)1 << 30, floats = fakes("rounding") ? 0 : CL_FP_ROUND_TO_NEAREST;
  const cl_uint yes = 1;
  const size_t group = 256;
  (void)id;
  switch (what) {
    case CL_DEVICE_TYPE: return give(&gpu, sizeof gpu, room, to, needed);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE: return give(&memory, sizeof memory, room, to, needed);
    case CL_DEVICE_SINGLE_FP_CONFIG: return give(&floats, sizeof floats, room, to, needed);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE: return give(&group, sizeof group, room, to, needed);
    case CL_DEVICE_ENDIAN_LITTLE:
    case CL_DEVICE_AVAILABLE:
    case CL_DEVICE_COMPILER_AVAILABLE: return give(&yes, sizeof yes, room, to, needed);
    case CL_DEVICE_PROFILE: return give_text("FULL_PROFILE", room, to, needed);
    default: return give_text("Fake\tdevice", room, to, needed);
  }
}

cl_context clCreateContext(const cl_properties *p, cl_uint n, const cl_device_id *ids, ek_cl_context_notify f, void *user, cl_int *code) {
  (void)p, (void)n, (void)ids, (void)f, (void)user;
  *code = CL_SUCCESS;
  return (cl_context)(void *)&context;
}

cl_command_queue clCreateCommandQueue(cl_context c, cl_device_id id, cl_bitfield properties, cl_int *code) {
  (void)c, (void)id, (void)properties;
  *code = CL_SUCCESS;
  return (cl_command_queue)(void *)&queue;
}

cl_program clCreateProgramWithSource(cl_context c, cl_uint n, const char **parts, const size_t *sizes, cl_int *code) {
  (void)c, (void)n, (void)parts, (void)sizes;
  *code = CL_SUCCESS;
  return (cl_program)(void *)&program;
}

cl_int clBuildProgram(cl_program p, cl_uint n, const cl_device_id *ids, const char *options, ek_cl_program_notify f, void *user) {
  (void)p, (void)n, (void)ids, (void)options, (void)f, (void)user;
  return CL_BUILD_PROGRAM_FAILURE;
}

cl_int clGetProgramBuildInfo(cl_program p, cl_device_id id, cl_uint what, size_t room, void *to, size_t *needed) {
  (void)p, (void)id, (void)what;
  return give_text("line 7: this compiler takes nothing", room, to, needed);
}

cl_mem clCreateBuffer(cl_context c, cl_bitfield flags, size_t size, void *host, cl_int *code) {
  (void)c, (void)flags, (void)size, (void)host;
  *code = CL_SUCCESS;
  return (cl_mem)(void *)&device;
}

/* What releases and waits; the rest is never reached. */
#define EK_FAKE(name) \
  cl_int name(void) { return CL_SUCCESS; }
EK_FAKE(clReleaseContext)
EK_FAKE(clReleaseCommandQueue)
EK_FAKE(clReleaseMemObject)
EK_FAKE(clReleaseProgram)
EK_FAKE(clReleaseKernel)
EK_FAKE(clFinish)
EK_FAKE(clCreateProgramWithBinary)
EK_FAKE(clGetProgramInfo)
EK_FAKE(clCreateKernel)
EK_FAKE(clSetKernelArg)
EK_FAKE(clGetKernelWorkGroupInfo)
EK_FAKE(clEnqueueNDRangeKernel)
EK_FAKE(clEnqueueReadBuffer)
EK_FAKE(clEnqueueWriteBuffer)
