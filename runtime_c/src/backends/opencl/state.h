/* What the OpenCL back end keeps of one session. */
#ifndef EK_BACKENDS_OPENCL_STATE_H
#define EK_BACKENDS_OPENCL_STATE_H

#include "backends/backend.h"
#include "backends/opencl/device.h"
#include "ek_opencl_kernels_gen.h"

/* One kernel with its arguments set, ready to be enqueued. */
typedef struct ek_cl_launch {
  cl_kernel kernel;
  size_t global[3];
  size_t local[3]; /* all 0: the driver chooses */
} ek_cl_launch;

typedef struct ek_cl_state {
  ek_env *env;
  ek_exec_graph *graph;
  ek_cl_library cl;
  ek_cl_device device;
  cl_context context;
  cl_command_queue queue;
  cl_program programs[EK_CL_FILE_COUNT];
  bool failed[EK_CL_FILE_COUNT]; /* did not build: do not try again */
  char options[96];              /* of every build */
  cl_mem arena;                  /* the planned arena: the host's offsets */
  cl_mem *constants;             /* by tensor; NULL: not on the device */
  uint32_t *first_launch;        /* by node, and one more */
  ek_cl_launch *launches;
  uint32_t launch_count, launch_capacity;
  cl_mem *buffers; /* packed weights, tables: what belongs to no tensor */
  uint32_t buffer_count, buffer_capacity;
} ek_cl_state;

/* The program of a kernel file: from the session, the cache on disk, or the driver's compiler, in this order. A failure's text has
 * the first lines of the build log. */
ek_status ek_cl_program(ek_cl_state *s, ek_cl_file file, cl_program *program, ek_error *error);

/* A device buffer with these bytes, which belongs to the session. */
ek_status ek_cl_buffer(ek_cl_state *s, const void *bytes, size_t size, cl_mem *buffer, ek_error *error);

/* Makes room for one more entry of `size` bytes in an array. */
ek_status ek_cl_grow(ek_cl_state *s, void **array, uint32_t count, uint32_t *capacity, size_t size, ek_error *error);

#endif
