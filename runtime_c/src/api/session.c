/* The functions that use a session: inputs, outputs, runs, reports. */
#include "session/session.h"

#include <string.h>

static ek_status fail(ek_session *s, const char *what) {
  return ek_fail(&s->error, EK_ERR_INVALID_ARGUMENT, "%s", what);
}

const char *ek_session_error(const ek_session *session) {
  return session != NULL ? session->error.text : "the session is NULL";
}

size_t ek_session_input_count(const ek_session *session) {
  return session != NULL ? session->graphs[0].spec->input_count - session->graphs[0].spec->state_count : 0;
}

size_t ek_session_output_count(const ek_session *session) {
  return session != NULL ? session->graphs[0].spec->output_count - session->graphs[0].spec->state_count : 0;
}

static ek_tensor *input_at(const ek_session *s, size_t index) {
  return index < ek_session_input_count(s) ? &s->graphs[0].tensors[s->graphs[0].spec->inputs[index]] : NULL;
}

static ek_tensor *output_at(const ek_session *s, size_t index) {
  return index < ek_session_output_count(s) ? &s->graphs[0].tensors[s->graphs[0].spec->outputs[index]] : NULL;
}

ek_status ek_session_give_tensor(const ek_session *s, const ek_tensor *t, const char *name, ek_tensor_info *info) {
  if (t == NULL || info == NULL || info->struct_size < sizeof info->struct_size) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  const ek_model_tensor *spec = &s->graphs[0].spec->tensors[t - s->graphs[0].tensors];
  ek_tensor_info full = {
      .struct_size = info->struct_size, .name = name, .dtype = t->dtype, .rank = t->rank, .quant_axis = -1};
  memcpy(full.dims, t->dims, sizeof full.dims);
  memcpy(full.max_dims, spec->dims, sizeof full.max_dims);
  memcpy(full.dim_symbols, spec->dim_symbols, sizeof full.dim_symbols);
  full.is_dynamic = t->is_dynamic;
  full.bytes = ek_tensor_bytes(t);
  if (t->quant != NULL) {
    full.quant_count = t->quant->count;
    full.quant_axis = t->quant->axis;
    full.quant_scale = t->quant->scale;
    full.quant_zero_point = t->quant->zero_point;
  }
  memcpy(info, &full, info->struct_size < sizeof full ? info->struct_size : sizeof full);
  return EK_OK;
}

ek_status ek_session_input_info(const ek_session *session, size_t index, ek_tensor_info *info) {
  const ek_tensor *t = input_at(session, index);
  return ek_session_give_tensor(session, t, t != NULL ? t->name : NULL, info);
}

ek_status ek_session_output_info(const ek_session *session, size_t index, ek_tensor_info *info) {
  const ek_tensor *t = output_at(session, index);
  return ek_session_give_tensor(session, t, t != NULL ? session->graphs[0].spec->output_names[index] : NULL, info);
}

ek_status ek_session_resize_input(ek_session *session, size_t index, const int64_t *dims, uint32_t rank) {
  if (session == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  ek_tensor *t = input_at(session, index);
  if (t == NULL || (dims == NULL && rank != 0)) {
    return fail(session, "resize_input: no such input, or no dimensions given");
  }
  const ek_model_tensor *spec = &session->graphs[0].spec->tensors[session->graphs[0].spec->inputs[index]];
  if (rank != t->rank) {
    return ek_fail(&session->error, EK_ERR_SHAPE, "input '%s' has rank %u, not %u", t->name, t->rank, rank);
  }
  for (uint32_t i = 0; i < rank; i++) {
    const bool fixed = ek_is_fixed_dim(spec, i);
    if (fixed ? dims[i] != spec->dims[i] : dims[i] < 0 || dims[i] > spec->dims[i]) {
      return ek_fail(&session->error, EK_ERR_SHAPE, "input '%s': dimension %u is %lld, but the model %s %lld", t->name,
                     i, (long long)dims[i], fixed ? "fixes it at" : "provides for up to", (long long)spec->dims[i]);
    }
  }
  memcpy(t->dims, dims, rank * sizeof *dims);
  return EK_OK;
}

ek_status ek_session_input_data(ek_session *session, size_t index, void **data, size_t *bytes) {
  if (session == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  ek_tensor *t = input_at(session, index);
  if (t == NULL || data == NULL) {
    return fail(session, "input_data: no such input, or data is NULL");
  }
  *data = t->data;
  if (bytes != NULL) {
    *bytes = ek_tensor_bytes(t);
  }
  return EK_OK;
}

ek_status ek_session_set_input(ek_session *session, size_t index, const void *data, size_t bytes) {
  if (session == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  ek_tensor *t = input_at(session, index);
  if (t == NULL || (data == NULL && bytes != 0)) {
    return fail(session, "set_input: no such input, or data is NULL");
  }
  if (bytes != ek_tensor_bytes(t)) {
    return ek_fail(&session->error, EK_ERR_INVALID_ARGUMENT, "input '%s' takes %zu bytes, got %zu", t->name,
                   ek_tensor_bytes(t), bytes);
  }
  if (bytes != 0) {
    memcpy(t->data, data, bytes);
  }
  return EK_OK;
}

ek_status ek_session_run(ek_session *session) {
  if (session == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  session->has_run = false;
  const ek_status status = ek_session_run_steps(session, &session->error);
  if (status == EK_OK) {
    ek_session_next_states(session);
    session->has_run = true;
  }
  return status;
}

ek_status ek_session_output_data(ek_session *session, size_t index, const void **data, size_t *bytes) {
  if (session == NULL) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  const ek_tensor *t = output_at(session, index);
  if (t == NULL || data == NULL) {
    return fail(session, "output_data: no such output, or data is NULL");
  }
  if (!session->has_run) {
    return fail(session, "output_data: there has been no successful run yet");
  }
  *data = t->data;
  if (bytes != NULL) {
    *bytes = ek_tensor_bytes(t);
  }
  return EK_OK;
}

ek_status ek_session_get_output(ek_session *session, size_t index, void *data, size_t bytes) {
  const void *from = NULL;
  size_t have = 0;
  EK_TRY(ek_session_output_data(session, index, &from, &have));
  if (bytes != have || (data == NULL && bytes != 0)) {
    return ek_fail(&session->error, EK_ERR_INVALID_ARGUMENT, "output '%s' has %zu bytes, room is given for %zu",
                   session->graphs[0].spec->output_names[index], have, bytes);
  }
  if (bytes != 0) {
    memcpy(data, from, bytes);
  }
  return EK_OK;
}

size_t ek_session_node_count(const ek_session *session) {
  return session != NULL ? session->graphs[0].spec->node_count : 0;
}

ek_status ek_session_node_info(const ek_session *session, size_t index, ek_node_info *info) {
  if (index >= ek_session_node_count(session) || info == NULL || info->struct_size < sizeof info->struct_size) {
    return EK_ERR_INVALID_ARGUMENT;
  }
  const ek_exec_node *n = &session->graphs[0].nodes[index];
  const ek_node_info full = {
      .struct_size = info->struct_size,
      .name = n->ctx.name,
      .op = n->spec->row->name,
      .backend = n->backend->name,
      .kernel = n->kernel,
      .fallback = n->fallback != NULL ? n->fallback : "",
      .run_count = n->run_count,
      .total_ns = n->total_ns,
  };
  memcpy(info, &full, info->struct_size < sizeof full ? info->struct_size : sizeof full);
  return EK_OK;
}
