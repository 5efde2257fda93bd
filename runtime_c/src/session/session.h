/* A session: the records of every graph of a model, the memory they work in, and the steps of one inference. */
#ifndef EK_SESSION_SESSION_H
#define EK_SESSION_SESSION_H

#include "backends/backend.h"
#include "base/arena.h"

typedef enum ek_step_kind { EK_STEP_RUN, EK_STEP_UPLOAD, EK_STEP_DOWNLOAD } ek_step_kind;

typedef struct ek_step {
  ek_step_kind kind;
  uint32_t backend; /* index into session->backends */
  uint32_t first;   /* nodes [first, last), or the tensor to copy */
  uint32_t last;
} ek_step;

typedef struct ek_backend_slot {
  const ek_backend *backend;
  void *state; /* NULL while closed, except for the CPU, whose state is the graph */
  bool is_open;
} ek_backend_slot;

struct ek_session {
  ek_env *env;
  const ek_model *model;
  ek_error error;
  ek_memory_info memory;
  ek_exec_graph *graphs;     /* as in the model; graphs[0] is the main one */
  ek_backend_slot *backends; /* the last is the CPU; it takes what the others decline */
  ek_step *steps;
  uint32_t *residence; /* by tensor of the main graph, while steps are made: bit i, back end i has the value */
  ek_thread_pool *pool;
  uint8_t *pool_memory;
  uint8_t *buffers;    /* activation, packed weights, scratch, in this order */
  void *owned_records; /* from the allocator; NULL in a caller's arena */
  void *owned_buffers;
  ek_subgraph_api subgraphs;
  uint32_t backend_count;
  uint32_t step_count;
  uint32_t threads;
  bool has_run;
};

/* ---- inside session/ ---- */

/* The options with defaults filled in. */
ek_status ek_session_read_options(const ek_session_options *given, ek_session_options *options, ek_error *error);
/* Places all records; with a measuring arena only adds up their sizes. `session` is NULL then. */
void ek_session_place(ek_arena *arena, const ek_model *model, const ek_session_options *options, ek_session **session);
/* Shapes of all graphs, placement on back ends, and the memory that operators ask for: session->memory is complete. */
ek_status ek_session_plan(ek_session *session, ek_error *error);
/* Who runs which node of the main graph, and why not a preferred back end. */
void ek_session_choose_backends(ek_session *session);
/* Turns the placement into steps. */
void ek_session_make_steps(ek_session *session);
void ek_session_close_backends(ek_session *session);
/* The functions behind ek_subgraph_api. */
void ek_session_link_subgraphs(ek_session *session);
ek_status ek_session_run_steps(ek_session *session, ek_error *error);
/* Describes a tensor of the main graph. */
ek_status ek_session_give_tensor(const ek_session *s, const ek_tensor *t, const char *name, ek_tensor_info *info);
/* Every state to its first value. */
void ek_session_first_states(ek_session *session);
/* What the last run gave as states becomes what the next one reads. */
void ek_session_next_states(ek_session *session);

#endif
