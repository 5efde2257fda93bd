/* The values a session keeps from run to run. They lie where the main graph reads them as inputs, which no node writes to. */
#include <string.h>

#include "session/session.h"

static ek_tensor *state_input(ek_session *s, uint32_t i) {
  return &s->graphs[0].tensors[ek_state_input(s->graphs[0].spec, i)];
}

void ek_session_first_states(ek_session *s) {
  const ek_model_graph *g = s->graphs[0].spec;
  for (uint32_t i = 0; i < g->state_count; i++) {
    const ek_model_state *state = &g->states[i];
    uint8_t *to = state_input(s, i)->data;
    const size_t bytes = g->tensors[ek_state_input(g, i)].bytes;
    if (bytes == 0) {
      continue;
    }
    if (state->initial == NULL) {
      memset(to, 0, bytes);
      continue;
    }
    /* bytes is a multiple of initial_bytes: the whole, or one element */
    for (size_t at = 0; at < bytes; at += state->initial_bytes) {
      memcpy(to + at, state->initial, state->initial_bytes);
    }
  }
}

void ek_session_next_states(ek_session *s) {
  const ek_model_graph *g = s->graphs[0].spec;
  for (uint32_t i = 0; i < g->state_count; i++) {
    const ek_tensor *from = &s->graphs[0].tensors[ek_state_output(g, i)];
    ek_tensor *to = state_input(s, i);
    const size_t bytes = g->tensors[ek_state_input(g, i)].bytes;
    if (from != to && bytes != 0) {
      memmove(to->data, from->data, bytes);
    }
  }
}
