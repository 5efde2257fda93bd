/* The devices that all platforms offer, and what EdgeKit must know of one. */
#ifndef EK_BACKENDS_OPENCL_DEVICE_H
#define EK_BACKENDS_OPENCL_DEVICE_H

#include "backends/opencl/library.h"

#define EK_CL_NAME 128

typedef struct ek_cl_device {
  cl_platform_id platform;
  cl_device_id id;
  cl_bitfield type;
  char name[EK_CL_NAME];
  char vendor[EK_CL_NAME];
  char version[EK_CL_NAME]; /* of the device and its platform */
  char platform_version[EK_CL_NAME];
  char driver[EK_CL_NAME];
  size_t max_work_group;
  uint64_t max_allocation;
  bool exact_divide;    /* float division is correctly rounded, subnormal numbers included */
  const char *unusable; /* why EdgeKit cannot use it, or NULL */
} ek_cl_device;

/* Calls `visit` for each device of each platform, in the order of their indices, until it returns false. */
void ek_cl_devices_visit(const ek_cl_library *library,
                         bool (*visit)(void *user, uint32_t index, const ek_cl_device *device), void *user);

/* The device that $EDGEKIT_OPENCL_DEVICE chooses, by index or by a part of its name; else the first GPU, else the first device. */
ek_status ek_cl_device_choose(const ek_cl_library *library, ek_cl_device *device, ek_error *error);

/* The lines of ek_backend_devices. */
size_t ek_cl_devices_list(char *text, size_t text_size);

#endif
