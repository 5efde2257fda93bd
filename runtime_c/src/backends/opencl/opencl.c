/* The back end's table: devices, placement, launches, transfers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/opencl/build.h"
#include "base/allocator.h"
#include "base/clock.h"
#include "base/sizes.h"

static ek_status device_failed(ek_error *error, const char *what, cl_int code) {
  return ek_fail(error, EK_ERR_BACKEND, "%s: %s (%d)", what, ek_cl_error_name(code), (int)code);
}

static void opencl_close(void *state) {
  ek_cl_state *s = state;
  const ek_allocator allocator = s->env->allocator;
  if (s->queue != NULL) (void)s->cl.clFinish(s->queue);
  for (uint32_t i = 0; i < s->launch_count; i++) (void)s->cl.clReleaseKernel(s->launches[i].kernel);
  for (uint32_t i = 0; i < s->buffer_count; i++) (void)s->cl.clReleaseMemObject(s->buffers[i]);
  for (uint32_t i = 0; i < EK_CL_FILE_COUNT; i++) {
    if (s->programs[i] != NULL) (void)s->cl.clReleaseProgram(s->programs[i]);
  }
  if (s->arena != NULL) (void)s->cl.clReleaseMemObject(s->arena);
  if (s->queue != NULL) (void)s->cl.clReleaseCommandQueue(s->queue);
  if (s->context != NULL) (void)s->cl.clReleaseContext(s->context);
  ek_release(&allocator, s->launches);
  ek_release(&allocator, s->buffers);
  ek_release(&allocator, s);
}

/* No cl-fast-relaxed-math or the like, ever: integer results rest on float arithmetic that rounds each operation once.
 * $EDGEKIT_OPENCL_EXACT_DIVIDE=0 treats any device as one that cannot divide exactly: the division then is done in integers, with the
 * same results. */
static void choose_options(ek_cl_state *s) {
  const char *exact = getenv("EDGEKIT_OPENCL_EXACT_DIVIDE");
  s->device.exact_divide = s->device.exact_divide && (exact == NULL || strcmp(exact, "0") != 0);
  (void)snprintf(s->options, sizeof s->options, "-cl-std=CL1.2%s",
                 s->device.exact_divide ? " -cl-fp32-correctly-rounded-divide-sqrt -DEK_EXACT_DIVIDE" : "");
}

static ek_status open_device(ek_cl_state *s, ek_error *error) {
  EK_TRY(ek_cl_library_open(&s->cl, error));
  EK_TRY(ek_cl_device_choose(&s->cl, &s->device, error));
  choose_options(s);
  if (s->graph->spec->arena_bytes > s->device.max_allocation) {
    return ek_fail(error, EK_ERR_BACKEND,
                   "the model's arena of %zu bytes is above the %llu that '%.60s' allows in one buffer",
                   s->graph->spec->arena_bytes, (unsigned long long)s->device.max_allocation, s->device.name);
  }
  cl_int code = CL_SUCCESS;
  const cl_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_properties)s->device.platform, 0};
  s->context = s->cl.clCreateContext(properties, 1, &s->device.id, NULL, NULL, &code);
  if (s->context == NULL) return device_failed(error, "clCreateContext", code);
  s->queue = s->cl.clCreateCommandQueue(s->context, s->device.id, 0, &code);
  return s->queue != NULL ? EK_OK : device_failed(error, "clCreateCommandQueue", code);
}

static ek_status opencl_open(ek_env *env, ek_exec_graph *graph, void **state, ek_error *error) {
  const size_t head = ek_align_size(sizeof(ek_cl_state));
  const size_t constants = ek_align_size(ek_mul_size(graph->spec->tensor_count, sizeof(cl_mem)));
  const size_t firsts = ek_align_size(ek_mul_size((size_t)graph->spec->node_count + 1, sizeof(uint32_t)));
  const size_t total = ek_add_size(head, ek_add_size(constants, firsts));
  char *memory = ek_allocate(&env->allocator, total);
  if (memory == NULL) {
    return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory for the records of the OpenCL back end");
  }
  memset(memory, 0, total);
  ek_cl_state *s = (ek_cl_state *)(void *)memory;
  s->env = env;
  s->graph = graph;
  s->constants = (cl_mem *)(void *)(memory + head);
  s->first_launch = (uint32_t *)(void *)(memory + head + constants);
  const ek_status status = open_device(s, error);
  if (status != EK_OK) {
    opencl_close(s);
    return status;
  }
  *state = s;
  return EK_OK;
}

static ek_status check_sizes(ek_cl_build *b, ek_tensor *const *tensors, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (tensors[i] != NULL && ek_tensor_bytes(tensors[i]) > INT32_MAX) {
      return ek_cl_decline(b, "tensors of more than 2 GiB");
    }
  }
  return EK_OK;
}

static ek_status build_node(ek_cl_state *s, uint32_t node, bool dry, const char **kernel, ek_error *error) {
  ek_exec_node *n = &s->graph->nodes[node];
  n->ctx.error = error;
  ek_cl_build b = {.s = s, .ctx = &n->ctx, .error = error, .kernel_name = "", .op_id = n->spec->op_id, .dry = dry};
  const ek_cl_build_function build = ek_cl_find(n->spec->op_id);
  if (build == NULL) {
    return ek_cl_decline(&b, "there is no kernel for %s", n->spec->row->name);
  }
  EK_TRY(check_sizes(&b, n->ctx.inputs, n->ctx.input_count));
  EK_TRY(check_sizes(&b, n->ctx.outputs, n->ctx.output_count));
  const ek_status status = build(&b);
  *kernel = b.kernel_name;
  return status;
}

static ek_status opencl_accept(void *state, uint32_t node, ek_error *reason) {
  const char *kernel = "";
  return build_node(state, node, true, &kernel, reason);
}

static ek_status opencl_prepare(void *state, ek_error *error) {
  ek_cl_state *s = state;
  cl_int code = CL_SUCCESS;
  const size_t bytes = s->graph->spec->arena_bytes;
  s->arena = s->cl.clCreateBuffer(s->context, CL_MEM_READ_WRITE, bytes != 0 ? bytes : 64, NULL, &code);
  if (s->arena == NULL) return device_failed(error, "the device's arena", code);
  for (uint32_t i = 0; i < s->graph->spec->node_count; i++) {
    ek_exec_node *n = &s->graph->nodes[i];
    s->first_launch[i] = s->launch_count;
    if (n->backend == ek_backend_opencl()) {
      EK_TRY(build_node(s, i, false, &n->kernel, error));
    }
  }
  s->first_launch[s->graph->spec->node_count] = s->launch_count;
  code = s->cl.clFinish(s->queue);
  return code == CL_SUCCESS ? EK_OK : device_failed(error, "clFinish", code);
}

static ek_status run_node(ek_cl_state *s, uint32_t node, ek_error *error) {
  ek_exec_node *n = &s->graph->nodes[node];
  const bool profile = s->graph->profile;
  const uint64_t begin = profile ? ek_clock_ns() : 0;
  cl_int code = CL_SUCCESS;
  for (uint32_t i = s->first_launch[node]; i < s->first_launch[node + 1] && code == CL_SUCCESS; i++) {
    const ek_cl_launch *l = &s->launches[i];
    code = s->cl.clEnqueueNDRangeKernel(s->queue, l->kernel, 3, NULL, l->global, l->local[0] != 0 ? l->local : NULL, 0,
                                        NULL, NULL);
  }
  if (profile && code == CL_SUCCESS) {
    code = s->cl.clFinish(s->queue); /* the node's own time, at the price of an idle device between nodes */
    n->total_ns += ek_clock_ns() - begin;
  }
  n->run_count++;
  if (code != CL_SUCCESS) {
    return ek_fail(error, EK_ERR_BACKEND, "node '%s', kernel %s: %s (%d)", n->ctx.name, n->kernel,
                   ek_cl_error_name(code), (int)code);
  }
  return EK_OK;
}

static ek_status opencl_run(void *state, uint32_t first, uint32_t last, ek_error *error) {
  ek_cl_state *s = state;
  for (uint32_t i = first; i < last; i++) {
    if (s->graph->keep_going != NULL && !s->graph->keep_going(s->graph->keep_going_user)) {
      return ek_fail(error, EK_ERR_CANCELLED, "cancelled before node '%s'", s->graph->nodes[i].ctx.name);
    }
    EK_TRY(run_node(s, i, error));
  }
  return EK_OK;
}

/* Both directions wait: the host's arena reuses memory as soon as the plan says that a tensor is dead. */
static ek_status opencl_upload(void *state, uint32_t tensor, ek_error *error) {
  ek_cl_state *s = state;
  const ek_tensor *t = &s->graph->tensors[tensor];
  const size_t bytes = ek_tensor_bytes(t);
  if (bytes == 0) return EK_OK;
  const cl_int code = s->cl.clEnqueueWriteBuffer(s->queue, s->arena, 1, s->graph->spec->tensors[tensor].arena_offset,
                                                 bytes, t->data, 0, NULL, NULL);
  return code == CL_SUCCESS
             ? EK_OK
             : ek_fail(error, EK_ERR_BACKEND, "upload of '%s': %s (%d)", t->name, ek_cl_error_name(code), (int)code);
}

static ek_status opencl_download(void *state, uint32_t tensor, ek_error *error) {
  ek_cl_state *s = state;
  const ek_tensor *t = &s->graph->tensors[tensor];
  const size_t bytes = ek_tensor_bytes(t);
  if (bytes == 0) return EK_OK;
  const cl_int code = s->cl.clEnqueueReadBuffer(s->queue, s->arena, 1, s->graph->spec->tensors[tensor].arena_offset,
                                                bytes, t->data, 0, NULL, NULL);
  return code == CL_SUCCESS
             ? EK_OK
             : ek_fail(error, EK_ERR_BACKEND, "download of '%s': %s (%d)", t->name, ek_cl_error_name(code), (int)code);
}

const ek_backend *ek_backend_opencl(void) {
  static const ek_backend opencl = {"opencl",       ek_cl_devices_list, opencl_open,   opencl_close,   opencl_accept,
                                    opencl_prepare, opencl_run,         opencl_upload, opencl_download};
  return &opencl;
}
