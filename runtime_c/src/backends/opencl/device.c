#include "backends/opencl/device.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PLATFORMS 16
#define MAX_DEVICES 16

/* One line of text without tabs or control characters; always terminated. */
static void tidy(char *text) {
  text[EK_CL_NAME - 1] = 0;
  for (char *c = text; *c != 0; c++) {
    if ((unsigned char)*c < ' ') *c = ' ';
  }
}

static void read_text(const ek_cl_library *cl, cl_device_id id, cl_uint what, char *text) {
  char full[4096] = {0};
  if (cl->clGetDeviceInfo(id, what, sizeof full - 1, full, NULL) != CL_SUCCESS) full[0] = 0;
  (void)snprintf(text, EK_CL_NAME, "%.127s", full);
  tidy(text);
}

static uint64_t read_number(const ek_cl_library *cl, cl_device_id id, cl_uint what, size_t size) {
  uint64_t wide = 0;
  cl_uint narrow = 0;
  size_t word = 0;
  void *to = size == sizeof wide ? (void *)&wide : size == sizeof narrow ? (void *)&narrow : (void *)&word;
  if (cl->clGetDeviceInfo(id, what, size, to, NULL) != CL_SUCCESS) return 0;
  return to == (void *)&wide ? wide : to == (void *)&narrow ? narrow : word;
}

static bool read_flag(const ek_cl_library *cl, cl_device_id id, cl_uint what) {
  return read_number(cl, id, what, sizeof(cl_uint)) != 0;
}

static bool has_long(const ek_cl_library *cl, cl_device_id id) {
  char profile[64] = {0};
  char extensions[8192] = {0};
  (void)cl->clGetDeviceInfo(id, CL_DEVICE_PROFILE, sizeof profile - 1, profile, NULL);
  (void)cl->clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL);
  return strstr(profile, "EMBEDDED") == NULL || strstr(extensions, "cles_khr_int64") != NULL;
}

static const char *why_unusable(const ek_cl_library *cl, cl_device_id id, cl_bitfield floats) {
  if (!read_flag(cl, id, CL_DEVICE_AVAILABLE)) return "it is not available";
  if (!read_flag(cl, id, CL_DEVICE_COMPILER_AVAILABLE)) return "it has no compiler";
  if (!read_flag(cl, id, CL_DEVICE_ENDIAN_LITTLE)) return "it is big-endian";
  if ((floats & CL_FP_ROUND_TO_NEAREST) == 0) return "its float arithmetic does not round to nearest";
  if (!has_long(cl, id)) return "it has no 64-bit integers";
  return NULL;
}

static void describe(const ek_cl_library *cl, cl_platform_id platform, cl_device_id id, ek_cl_device *d) {
  memset(d, 0, sizeof *d);
  d->platform = platform;
  d->id = id;
  d->type = read_number(cl, id, CL_DEVICE_TYPE, sizeof(uint64_t));
  read_text(cl, id, CL_DEVICE_NAME, d->name);
  read_text(cl, id, CL_DEVICE_VENDOR, d->vendor);
  read_text(cl, id, CL_DEVICE_VERSION, d->version);
  read_text(cl, id, CL_DRIVER_VERSION, d->driver);
  char full[1024] = {0};
  (void)cl->clGetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof full - 1, full, NULL);
  (void)snprintf(d->platform_version, EK_CL_NAME, "%.127s", full);
  tidy(d->platform_version);
  d->max_work_group = (size_t)read_number(cl, id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
  d->max_allocation = read_number(cl, id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(uint64_t));
  const cl_bitfield floats = read_number(cl, id, CL_DEVICE_SINGLE_FP_CONFIG, sizeof(uint64_t));
  d->exact_divide = (floats & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0 && (floats & CL_FP_DENORM) != 0;
  d->unusable = why_unusable(cl, id, floats);
}

void ek_cl_devices_visit(const ek_cl_library *cl, bool (*visit)(void *user, uint32_t index, const ek_cl_device *device),
                         void *user) {
  cl_platform_id platforms[MAX_PLATFORMS];
  cl_uint platform_count = 0;
  uint32_t index = 0;
  if (cl->clGetPlatformIDs(MAX_PLATFORMS, platforms, &platform_count) != CL_SUCCESS) return;
  for (cl_uint p = 0; p < platform_count && p < MAX_PLATFORMS; p++) {
    cl_device_id ids[MAX_DEVICES];
    cl_uint count = 0;
    /* A platform without devices answers CL_DEVICE_NOT_FOUND. */
    if (cl->clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &count) != CL_SUCCESS) continue;
    for (cl_uint i = 0; i < count && i < MAX_DEVICES; i++) {
      ek_cl_device device;
      describe(cl, platforms[p], ids[i], &device);
      if (!visit(user, index++, &device)) return;
    }
  }
}

typedef struct choice {
  const char *wanted; /* NULL: by kind */
  ek_cl_device best;
  uint32_t seen;
  bool found;
} choice;

static bool is_index(const char *text) {
  for (; *text != 0; text++) {
    if (!isdigit((unsigned char)*text)) return false;
  }
  return true;
}

static bool choose(void *user, uint32_t index, const ek_cl_device *device) {
  choice *c = user;
  c->seen++;
  if (c->wanted != NULL) {
    const bool fits =
        is_index(c->wanted) ? strtoul(c->wanted, NULL, 10) == index : strstr(device->name, c->wanted) != NULL;
    if (fits) {
      c->best = *device;
      c->found = true;
    }
    return !fits;
  }
  const bool better = !c->found || (c->best.unusable != NULL && device->unusable == NULL) ||
                      (device->unusable == NULL && (device->type & CL_DEVICE_TYPE_GPU) != 0 &&
                       (c->best.type & CL_DEVICE_TYPE_GPU) == 0);
  if (better) {
    c->best = *device;
    c->found = true;
  }
  return true;
}

ek_status ek_cl_device_choose(const ek_cl_library *cl, ek_cl_device *device, ek_error *error) {
  choice c = {.wanted = getenv("EDGEKIT_OPENCL_DEVICE")};
  if (c.wanted != NULL && c.wanted[0] == 0) c.wanted = NULL;
  ek_cl_devices_visit(cl, choose, &c);
  if (!c.found && c.wanted != NULL) {
    return ek_fail(error, EK_ERR_BACKEND, "$EDGEKIT_OPENCL_DEVICE is '%.60s', which fits none of the %u OpenCL devices",
                   c.wanted, c.seen);
  }
  if (!c.found) {
    return ek_fail(error, EK_ERR_BACKEND, "there is an OpenCL library, but no device");
  }
  if (c.best.unusable != NULL) {
    return ek_fail(error, EK_ERR_BACKEND, "device '%.60s' cannot be used: %s", c.best.name, c.best.unusable);
  }
  *device = c.best;
  return EK_OK;
}

typedef struct listing {
  char *text;
  size_t size, used;
} listing;

static bool list(void *user, uint32_t index, const ek_cl_device *device) {
  listing *l = user;
  char line[2 * EK_CL_NAME + 64];
  const int length = snprintf(line, sizeof line, "%u\t%s\t%s\n", index, device->name, device->driver);
  for (int i = 0; i < length; i++, l->used++) {
    if (l->text != NULL && l->used + 1 < l->size) l->text[l->used] = line[i];
  }
  return true;
}

size_t ek_cl_devices_list(char *text, size_t text_size) {
  ek_cl_library library;
  listing l = {text, text_size, 0};
  if (ek_cl_library_open(&library, NULL) == EK_OK) {
    ek_cl_devices_visit(&library, list, &l);
  }
  if (text != NULL && text_size != 0) {
    text[l.used < text_size ? l.used : text_size - 1] = 0;
  }
  return l.used + 1;
}
