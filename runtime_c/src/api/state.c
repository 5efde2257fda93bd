/* The functions that look at and set the values a session keeps from run to run. */
#include <string.h>

#include "session/session.h"

size_t ek_session_state_count(const ek_session *session) {
  return session != NULL ? session->graphs[0].spec->state_count : 0;
}

/* NULL where there is no such state. Its memory is that of the input it is to the graph. */
static ek_tensor *state_at(const ek_session *s, size_t index) {
  return index < ek_session_state_count(s) ? &s->graphs[0].tensors[ek_state_input(s->graphs[0].spec, (uint32_t)index)]
                                           : NULL;
}

ek_status ek_session_state_info(const ek_session *session, size_t index, ek_tensor_info *info) {
  const ek_tensor *t = state_at(session, index);
  return ek_session_give_tensor(session, t, t != NULL ? t->name : NULL, info);
}

static ek_status check_state(ek_session *s, size_t index, const void *data, size_t bytes, ek_tensor **state) {
  *state = state_at(s, index);
  if (*state == NULL || (data == NULL && bytes != 0)) {
    return ek_fail(&s->error, EK_ERR_INVALID_ARGUMENT, "there is no state %zu, or data is NULL", index);
  }
  const size_t have = ek_tensor_bytes(*state);
  if (bytes != have) {
    return ek_fail(&s->error, EK_ERR_INVALID_ARGUMENT, "state '%s' has %zu bytes, not %zu", (*state)->name, have,
                   bytes);
  }
  return EK_OK;
}

ek_status ek_session_get_state(ek_session *session, size_t index, void *data, size_t bytes) {
  if (session == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  ek_tensor *t = NULL;
  EK_TRY(check_state(session, index, data, bytes, &t));
  if (bytes != 0) {
    memcpy(data, t->data, bytes);
  }
  return EK_OK;
}

ek_status ek_session_set_state(ek_session *session, size_t index, const void *data, size_t bytes) {
  if (session == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  ek_tensor *t = NULL;
  EK_TRY(check_state(session, index, data, bytes, &t));
  if (bytes != 0) {
    memcpy(t->data, data, bytes);
  }
  return EK_OK;
}

ek_status ek_session_reset_state(ek_session *session) {
  if (session == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  ek_session_first_states(session);
  return EK_OK;
}
