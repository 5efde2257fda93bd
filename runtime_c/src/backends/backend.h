/* What a back end is: a table of functions that run nodes of one graph.
 *
 * Life of a back end in a session:
 *   open      finds a device for this graph. All shapes are known (the largest ones, where they are dynamic); tensors have no
 *             memory yet, except constants. A failure does not end the session: the CPU takes the nodes, with the error's text
 *             as the reason.
 *   accept    for each node that no back end before it in the list took: EK_OK, or EK_ERR_UNSUPPORTED with the reason. The session
 *             never asks about dynamic nodes and control flow: those run on the CPU.
 *   prepare   once, when every node's `backend` is settled and host memory is bound: make device buffers for the tensors its
 *             nodes touch, compile programs, copy constants. Sets `kernel` of its nodes.
 *   upload / run / download   every inference, in the order of the session's steps. They may be asynchronous among
 *             themselves, but `download` returns only when the bytes are in tensor->data.
 *   close     in any state after open.
 *
 * Where a value lives: every tensor has host memory (tensor->data, in the planned arena; only valid while the plan keeps the
 * tensor alive). A value computed on a device lives there, and reaches the host by a download step right before its first
 * reader elsewhere (or as a graph output); a value needed on a device is uploaded once, right before its first reader there. */
#ifndef EK_BACKENDS_BACKEND_H
#define EK_BACKENDS_BACKEND_H

#include "base/env.h"
#include "model/model.h"

#define EK_FALLBACK_TEXT 160

typedef struct ek_exec_node {
  const ek_model_node *spec; /* spec->inputs / outputs are the tensors' indices in the graph */
  ek_op_context ctx;         /* attributes, tensors, name ... as operators see them */
  const ek_backend *backend; /* who runs it */
  const char *kernel;        /* chosen code path, or "" */
  char *fallback;            /* EK_FALLBACK_TEXT bytes, or NULL: why a preferred back end declined */
  uint64_t run_count;
  uint64_t total_ns; /* only while profiling */
  size_t state_bytes;
  bool is_dynamic; /* shapes are computed again in every run */
} ek_exec_node;

typedef struct ek_exec_graph {
  const ek_model_graph *spec;
  ek_tensor *tensors;
  ek_exec_node *nodes;
  uint8_t *loose; /* by tensor: the dims are upper bounds that no run may reach */
  bool profile;
  bool (*keep_going)(void *user);
  void *keep_going_user;
} ek_exec_graph;

struct ek_backend {
  const char *name;
  size_t (*devices)(char *text, size_t text_size);
  ek_status (*open)(ek_env *env, ek_exec_graph *graph, void **state, ek_error *error);
  void (*close)(void *state);
  ek_status (*accept)(void *state, uint32_t node, ek_error *reason);
  ek_status (*prepare)(void *state, ek_error *error);
  ek_status (*run)(void *state, uint32_t first, uint32_t last, ek_error *error); /* nodes [first, last) */
  ek_status (*upload)(void *state, uint32_t tensor, ek_error *error);
  ek_status (*download)(void *state, uint32_t tensor, ek_error *error);
};

#endif
