/* Which back end runs which node of the main graph, and the copies where values cross. */
#include <stdio.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "session/session.h"

static void note(ek_exec_node *n, const char *name, const char *reason) {
  if (n->fallback != NULL && n->fallback[0] == 0) {
    (void)snprintf(n->fallback, EK_FALLBACK_TEXT, "%s: %.120s", name, reason);
  }
}

static const char *inherent_reason(const ek_exec_node *n) {
  if (n->spec->row->subgraph_attrs != 0) {
    return "control flow runs on the CPU";
  }
  return n->is_dynamic ? "its shapes are known only at run time" : NULL;
}

static bool accepts(ek_backend_slot *slot, ek_exec_node *n, uint32_t index, const ek_error *opened) {
  const char *reason = inherent_reason(n);
  ek_error error = {0};
  if (reason == NULL && !slot->is_open) {
    reason = opened->text;
  }
  if (reason == NULL) {
    if (slot->backend->accept(slot->state, index, &error) == EK_OK) {
      return true;
    }
    reason = error.text;
  }
  note(n, slot->backend->name, reason);
  return false;
}

void ek_session_choose_backends(ek_session *s) {
  ek_exec_graph *g = &s->graphs[0];
  ek_backend_slot *cpu = &s->backends[s->backend_count - 1];
  cpu->state = g;
  cpu->is_open = true;
  for (uint32_t b = 0; b + 1 < s->backend_count; b++) {
    ek_backend_slot *slot = &s->backends[b];
    ek_error error = {0};
    slot->is_open = slot->backend->open(s->env, g, &slot->state, &error) == EK_OK;
    for (uint32_t i = 0; i < g->spec->node_count; i++) {
      ek_exec_node *n = &g->nodes[i];
      if (n->backend == cpu->backend && accepts(slot, n, i, &error)) {
        n->backend = slot->backend;
      }
    }
  }
}

void ek_session_close_backends(ek_session *s) {
  for (uint32_t b = 0; b + 1 < s->backend_count; b++) {
    if (s->backends[b].is_open) {
      s->backends[b].backend->close(s->backends[b].state);
      s->backends[b].is_open = false;
    }
  }
}

static uint32_t slot_of(const ek_session *s, const ek_backend *backend) {
  uint32_t b = 0;
  while (s->backends[b].backend != backend) {
    b++;
  }
  return b;
}

static void add_step(ek_session *s, ek_step_kind kind, uint32_t backend, uint32_t first, uint32_t last) {
  s->steps[s->step_count++] = (ek_step){kind, backend, first, last};
}

/* Makes the value of `tensor` present at back end `to`. Values of devices reach each other through the host. */
static void bring(ek_session *s, uint32_t tensor, uint32_t to) {
  const uint32_t host = s->backend_count - 1;
  uint32_t *where = &s->residence[tensor];
  if (s->graphs[0].tensors[tensor].is_constant || (*where >> to & 1) != 0) {
    return;
  }
  if ((*where >> host & 1) == 0) {
    uint32_t from = 0;
    while ((*where >> from & 1) == 0) {
      from++;
    }
    add_step(s, EK_STEP_DOWNLOAD, from, tensor, 0);
    *where |= 1u << host;
  }
  if (to != host) {
    add_step(s, EK_STEP_UPLOAD, to, tensor, 0);
    *where |= 1u << to;
  }
}

void ek_session_make_steps(ek_session *s) {
  const ek_exec_graph *g = &s->graphs[0];
  const uint32_t host = s->backend_count - 1;
  s->step_count = 0;
  if (host == 0) {
    add_step(s, EK_STEP_RUN, host, 0, g->spec->node_count);
    return;
  }
  for (uint32_t i = 0; i < g->spec->tensor_count; i++) {
    s->residence[i] = 0;
  }
  for (uint32_t i = 0; i < g->spec->input_count; i++) {
    s->residence[g->spec->inputs[i]] = 1u << host;
  }
  for (uint32_t i = 0; i < g->spec->node_count; i++) {
    const ek_exec_node *n = &g->nodes[i];
    const uint32_t b = slot_of(s, n->backend);
    for (uint32_t k = 0; k < n->spec->input_count; k++) {
      if (n->spec->inputs[k] >= 0) {
        bring(s, (uint32_t)n->spec->inputs[k], b);
      }
    }
    ek_step *last = s->step_count != 0 ? &s->steps[s->step_count - 1] : NULL;
    if (last != NULL && last->kind == EK_STEP_RUN && last->backend == b) {
      last->last = i + 1;
    } else {
      add_step(s, EK_STEP_RUN, b, i, i + 1);
    }
    for (uint32_t k = 0; k < n->spec->output_count; k++) {
      if (n->spec->outputs[k] >= 0) {
        s->residence[n->spec->outputs[k]] = 1u << b;
      }
    }
  }
  for (uint32_t i = 0; i < g->spec->output_count; i++) {
    bring(s, (uint32_t)g->spec->outputs[i], host);
  }
}

ek_status ek_session_run_steps(ek_session *s, ek_error *error) {
  for (uint32_t i = 0; i < s->step_count; i++) {
    const ek_step *step = &s->steps[i];
    const ek_backend_slot *slot = &s->backends[step->backend];
    switch (step->kind) {
      case EK_STEP_RUN: EK_TRY(slot->backend->run(slot->state, step->first, step->last, error)); break;
      case EK_STEP_UPLOAD: EK_TRY(slot->backend->upload(slot->state, step->first, error)); break;
      case EK_STEP_DOWNLOAD: EK_TRY(slot->backend->download(slot->state, step->first, error)); break;
    }
  }
  return EK_OK;
}
