/* While: a body runs again and again on its own carried outputs.
 *
 * Outputs of the body may lie where its inputs do, so that between two trips carried values pass through scratch memory; nodes
 * of the body may use the same scratch meanwhile, because it is read before the body runs and written after. */
#include <string.h>

#include "base/sizes.h"
#include "ek_ops_gen.h"
#include "ops/op.h"

typedef struct loop {
  ek_op_context *ctx;
  const ek_subgraph_api *api;
  int32_t body;
  uint32_t carried;
  uint32_t values; /* carried and captured */
  uint32_t scans;
  ek_tensor *current; /* the carried values between two trips */
} loop;

/* Inputs 0 and 1 are the limits; the values begin behind them, even where limits are absent. */
static uint32_t value_count(const ek_op_context *ctx) { return ctx->input_count > 2 ? ctx->input_count - 2 : 0; }

static loop open_loop(ek_op_context *ctx) {
  const ek_while_attrs *attrs = ctx->attrs;
  const uint32_t carried = (uint32_t)attrs->carried;
  const loop l = {ctx, ctx->subgraphs, attrs->body, carried, value_count(ctx), ctx->output_count - carried, ctx->state};
  return l;
}

static const ek_tensor *body_input(const loop *l, uint32_t i) { return l->api->input(l->api->session, l->body, i); }

static const ek_tensor *body_output(const loop *l, uint32_t i) { return l->api->output(l->api->session, l->body, i); }

static ek_status check_types(const loop *l) {
  if (body_input(l, 0)->dtype != EK_I64 || body_input(l, 1)->dtype != EK_BOOL || body_output(l, 0)->dtype != EK_BOOL) {
    return ek_op_fail(l->ctx, EK_ERR_BAD_MODEL, "the body's trip number must be int64, its condition bool");
  }
  if (ek_tensor_elements(body_input(l, 0)) != 1 || ek_tensor_elements(body_input(l, 1)) != 1 ||
      ek_tensor_elements(body_output(l, 0)) != 1) {
    return ek_op_fail(l->ctx, EK_ERR_BAD_MODEL, "the body's trip number and condition must have one element");
  }
  for (uint32_t i = 0; i < l->values; i++) {
    if (body_input(l, 2 + i)->dtype != l->ctx->inputs[2 + i]->dtype) {
      return ek_op_fail(l->ctx, EK_ERR_BAD_MODEL, "the body takes another element type for value %u", i);
    }
  }
  for (uint32_t i = 0; i < l->ctx->output_count; i++) {
    if (body_output(l, 1 + i)->dtype != l->ctx->outputs[i]->dtype) {
      return ek_op_fail(l->ctx, EK_ERR_BAD_MODEL, "the body gives another element type for output %u", i);
    }
  }
  for (uint32_t i = 0; i < l->carried; i++) {
    if (body_output(l, 1 + i)->dtype != l->ctx->inputs[2 + i]->dtype) {
      return ek_op_fail(l->ctx, EK_ERR_BAD_MODEL, "carried value %u changes its element type", i);
    }
  }
  return EK_OK;
}

static ek_status while_shape(ek_op_context *ctx) {
  const ek_while_attrs *attrs = ctx->attrs;
  if (attrs->carried < 0 || attrs->carried > value_count(ctx) || attrs->carried > ctx->output_count) {
    return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "%lld carried values are announced", (long long)attrs->carried);
  }
  const loop l = open_loop(ctx);
  if (l.api->input_count(l.api->session, l.body) != 2 + l.values ||
      l.api->output_count(l.api->session, l.body) != 1 + ctx->output_count) {
    return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "the body takes or gives another number of values");
  }
  for (uint32_t i = 0; i < 2; i++) {
    if (ek_input(ctx, i) != NULL && ek_tensor_elements(ek_input(ctx, i)) != 1) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the limit of trips and the condition must have one element");
    }
  }
  for (uint32_t i = 0; i < l.scans; i++) {
    if (ctx->outputs[l.carried + i]->rank != body_output(&l, 1 + l.carried + i)->rank + 1) {
      return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "stacked output %u must have one dimension more than in the body", i);
    }
  }
  EK_TRY(check_types(&l));
  return EK_SHAPE_NOT_YET;
}

static ek_status while_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const loop l = open_loop(ctx);
  memory->state_bytes = ek_mul_size(l.carried, sizeof *l.current);
  for (uint32_t i = 0; i < l.carried; i++) {
    memory->scratch_bytes = ek_add_size(memory->scratch_bytes, ek_align_size(body_output(&l, 1 + i)->capacity));
  }
  return EK_OK;
}

static ek_status set_limits(const loop *l, int64_t trip, uint8_t go_on) {
  ek_tensor counter = *body_input(l, 0), condition = *body_input(l, 1);
  counter.data = &trip;
  condition.data = &go_on;
  EK_TRY(l->api->set_input(l->api->session, l->body, 0, &counter, l->ctx->error));
  return l->api->set_input(l->api->session, l->body, 1, &condition, l->ctx->error);
}

/* A run of the body may overwrite its inputs, captured ones too. */
static ek_status set_values(const loop *l) {
  for (uint32_t i = 0; i < l->values; i++) {
    const ek_tensor *value = i < l->carried ? &l->current[i] : l->ctx->inputs[2 + i];
    EK_TRY(l->api->set_input(l->api->session, l->body, 2 + i, value, l->ctx->error));
  }
  return EK_OK;
}

static void keep_carried(const loop *l) {
  uint8_t *at = l->ctx->scratch;
  for (uint32_t i = 0; i < l->carried; i++) {
    const ek_tensor *out = body_output(l, 1 + i);
    const size_t bytes = ek_tensor_bytes(out);
    l->current[i] = *out;
    l->current[i].data = at;
    if (bytes != 0) {
      memcpy(at, out->data, bytes);
    }
    at += ek_align_size(out->capacity);
  }
}

/* Appends this trip's row to every stacked output. */
static ek_status stack_rows(const loop *l, int64_t trip) {
  for (uint32_t i = 0; i < l->scans; i++) {
    const ek_tensor *row = body_output(l, 1 + l->carried + i);
    ek_tensor *out = l->ctx->outputs[l->carried + i];
    const size_t bytes = ek_tensor_bytes(row);
    if (trip > 0 && memcmp(out->dims + 1, row->dims, row->rank * sizeof *row->dims) != 0) {
      return ek_op_fail(l->ctx, EK_ERR_SHAPE, "the rows of stacked output %u differ in shape", i);
    }
    if (bytes != 0 && (uint64_t)trip >= out->capacity / bytes) {
      return ek_op_fail(l->ctx, EK_ERR_SHAPE, "more trips than stacked output %u has room for", i);
    }
    if (bytes != 0) {
      memcpy((uint8_t *)out->data + (size_t)trip * bytes, row->data, bytes);
    }
    memcpy(out->dims + 1, row->dims, row->rank * sizeof *row->dims);
  }
  return EK_OK;
}

static ek_status give_results(const loop *l, int64_t trips) {
  for (uint32_t i = 0; i < l->carried; i++) {
    ek_tensor *out = l->ctx->outputs[i];
    const ek_tensor *value = &l->current[i];
    const size_t bytes = ek_tensor_bytes(value);
    if (value->rank != out->rank || bytes > out->capacity) {
      return ek_op_fail(l->ctx, EK_ERR_SHAPE, "carried value %u ends larger than its output", i);
    }
    memcpy(out->dims, value->dims, sizeof out->dims);
    if (bytes != 0) {
      memcpy(out->data, value->data, bytes);
    }
  }
  for (uint32_t i = 0; i < l->scans; i++) {
    ek_tensor *out = l->ctx->outputs[l->carried + i];
    out->dims[0] = trips;
    if (trips == 0) {
      memcpy(out->dims + 1, body_output(l, 1 + l->carried + i)->dims, (out->rank - 1) * sizeof *out->dims);
    }
  }
  return EK_OK;
}

static ek_status while_run(ek_op_context *ctx) {
  const loop l = open_loop(ctx);
  const ek_tensor *max_trips = ek_input(ctx, 0), *condition = ek_input(ctx, 1);
  const int64_t limit = max_trips != NULL ? *(const int64_t *)max_trips->data : INT64_MAX;
  uint8_t go_on = condition == NULL || *(const uint8_t *)condition->data != 0;
  for (uint32_t i = 0; i < l.carried; i++) {
    l.current[i] = *ctx->inputs[2 + i];
  }
  int64_t trip = 0;
  for (; trip < limit && go_on != 0; trip++) {
    EK_TRY(set_limits(&l, trip, go_on));
    EK_TRY(set_values(&l));
    EK_TRY(l.api->execute(l.api->session, l.body, ctx->error));
    go_on = *(const uint8_t *)body_output(&l, 0)->data != 0;
    EK_TRY(stack_rows(&l, trip));
    keep_carried(&l);
  }
  return give_results(&l, trip);
}

const ek_op ek_op_while = {"While", while_shape, while_prepare, NULL, while_run};
