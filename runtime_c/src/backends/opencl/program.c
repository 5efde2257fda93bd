/* Programs: one for each kernel file, built when the first node needs it. */
#include <stdio.h>
#include <string.h>

#include "backends/opencl/cache.h"
#include "backends/opencl/state.h"
#include "base/allocator.h"

static ek_cl_key key_of(const ek_cl_state *s, const ek_cl_source *source) {
  ek_cl_key key = ek_cl_key_begin();
  const ek_cl_device *d = &s->device;
  const char *const facts[] = {d->name, d->vendor, d->version, d->driver, d->platform_version, s->options};
  for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
    ek_cl_key_add_text(&key, facts[i]);
  }
  for (uint32_t i = 0; i < source->part_count; i++) {
    ek_cl_key_add(&key, source->parts[i], strlen(source->parts[i]));
  }
  return key;
}

static ek_status build_failed(const ek_cl_state *s, cl_program program, const char *name, cl_int code,
                              ek_error *error) {
  char log[384] = "the driver gives no log";
  size_t size = 0;
  if (s->cl.clGetProgramBuildInfo(program, s->device.id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) == CL_SUCCESS &&
      size > 1) {
    char *full = ek_allocate(&s->env->allocator, size + 1);
    if (full != NULL &&
        s->cl.clGetProgramBuildInfo(program, s->device.id, CL_PROGRAM_BUILD_LOG, size, full, NULL) == CL_SUCCESS) {
      full[size] = 0;
      (void)snprintf(log, sizeof log, "%.380s", full);
    }
    ek_release(&s->env->allocator, full);
  }
  return ek_fail(error, EK_ERR_BACKEND, "kernels/%s.cl does not build on '%.60s' (%s, %d): %s", name, s->device.name,
                 ek_cl_error_name(code), (int)code, log);
}

/* NULL when there is no usable binary: then the source is built, and its binary replaces whatever was there. */
static cl_program from_cache(const ek_cl_state *s, const ek_cl_key *key) {
  void *binary = NULL;
  size_t size = 0;
  if (s->env->cache_dir == NULL || !ek_cl_cache_read(&s->env->allocator, s->env->cache_dir, key, &binary, &size))
    return NULL;
  const unsigned char *bytes = binary;
  cl_int code = CL_SUCCESS, binary_status = CL_SUCCESS;
  cl_program program =
      s->cl.clCreateProgramWithBinary(s->context, 1, &s->device.id, &size, &bytes, &binary_status, &code);
  ek_release(&s->env->allocator, binary);
  if (program == NULL) return NULL;
  if (code == CL_SUCCESS && binary_status == CL_SUCCESS &&
      s->cl.clBuildProgram(program, 1, &s->device.id, s->options, NULL, NULL) == CL_SUCCESS) {
    return program;
  }
  (void)s->cl.clReleaseProgram(program);
  return NULL;
}

static void to_cache(const ek_cl_state *s, const ek_cl_key *key, cl_program program) {
  size_t size = 0;
  if (s->env->cache_dir == NULL ||
      s->cl.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) != CL_SUCCESS || size == 0) {
    return;
  }
  unsigned char *binary = ek_allocate(&s->env->allocator, size);
  if (binary != NULL &&
      s->cl.clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS) {
    ek_cl_cache_write(s->env->cache_dir, key, binary, size);
  }
  ek_release(&s->env->allocator, binary);
}

static ek_status from_source(const ek_cl_state *s, const ek_cl_source *source, cl_program *out, ek_error *error) {
  const char *parts[EK_CL_MAX_PARTS];
  cl_int code = CL_SUCCESS;
  memcpy(parts, source->parts, source->part_count * sizeof *parts);
  cl_program program = s->cl.clCreateProgramWithSource(s->context, source->part_count, parts, NULL, &code);
  if (program == NULL) {
    return ek_fail(error, EK_ERR_BACKEND, "kernels/%s.cl: %s (%d)", source->name, ek_cl_error_name(code), (int)code);
  }
  code = s->cl.clBuildProgram(program, 1, &s->device.id, s->options, NULL, NULL);
  if (code != CL_SUCCESS) {
    const ek_status status = build_failed(s, program, source->name, code, error);
    (void)s->cl.clReleaseProgram(program);
    return status;
  }
  *out = program;
  return EK_OK;
}

ek_status ek_cl_program(ek_cl_state *s, ek_cl_file file, cl_program *program, ek_error *error) {
  const ek_cl_source *source = &ek_cl_sources[file];
  if (s->failed[file]) {
    return ek_fail(error, EK_ERR_BACKEND, "kernels/%s.cl does not build, as said at an earlier node", source->name);
  }
  if (s->programs[file] == NULL) {
    const ek_cl_key key = key_of(s, source);
    s->programs[file] = from_cache(s, &key);
    if (s->programs[file] == NULL) {
      const ek_status status = from_source(s, source, &s->programs[file], error);
      s->failed[file] = status != EK_OK;
      EK_TRY(status);
      to_cache(s, &key, s->programs[file]);
    }
  }
  *program = s->programs[file];
  return EK_OK;
}
