/* LSTM: the cell; ops/recurrent/recurrent.h does the rest. */
#include "ek_ops_gen.h"
#include "ops/recurrent/recurrent.h"

static const uint8_t defaults[] = {2, 1, 1}; /* codes of edgekit/ops/recurrent.py */

static ek_recurrent_spec spec_of(const ek_op_context *ctx) {
  const ek_lstm_attrs *a = ctx->attrs;
  ek_recurrent_spec s = {.hidden = a->hidden_size, .batch_first = a->batch_first, .activations = a->activations};
  s.reverse = a->direction == EK_LSTM_DIRECTION_REVERSE;
  s.bidirectional = a->direction == EK_LSTM_DIRECTION_BIDIRECTIONAL;
  s.alpha = a->activation_alpha;
  s.beta = a->activation_beta;
  s.clip = a->clip;
  s.gates = 4;
  s.functions = 3;
  s.defaults = defaults;
  s.has_cell_state = true;
  return s;
}

/* Gates in the order input, output, forget, cell; peepholes in the order input, output, forget. */
static void finish(const ek_cell *s, const void *attributes) {
  const ek_lstm_attrs *a = attributes;
  const size_t n = s->hidden;
  for (size_t i = 0; i < n; i++) {
    float gate[4];
    for (size_t g = 0; g < 4; g++) {
      gate[g] = s->input[g * n + i] + s->product[g * n + i];
    }
    const float c = s->c[i];
    if (s->peepholes != NULL) {
      gate[0] += s->peepholes[i] * c;
      gate[2] += s->peepholes[2 * n + i] * c;
    }
    const float in = ek_activate(&s->f[0], ek_clip(gate[0], s->clip));
    const float forget = a->input_forget ? 1 - in : ek_activate(&s->f[0], ek_clip(gate[2], s->clip));
    s->c[i] = ek_clip(forget * c + in * ek_activate(&s->f[1], ek_clip(gate[3], s->clip)), a->cell_clip);
    if (s->peepholes != NULL) {
      gate[1] += s->peepholes[n + i] * s->c[i];
    }
    s->new_h[i] = ek_activate(&s->f[0], ek_clip(gate[1], s->clip)) * ek_activate(&s->f[2], s->c[i]);
  }
}

static ek_status lstm_shape(ek_op_context *ctx) {
  const ek_recurrent_spec spec = spec_of(ctx);
  return ek_recurrent_shape(ctx, &spec);
}

static ek_status lstm_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_recurrent_spec spec = spec_of(ctx);
  return ek_recurrent_prepare(ctx, &spec, memory);
}

static ek_status lstm_init(ek_op_context *ctx) {
  const ek_recurrent_spec spec = spec_of(ctx);
  return ek_recurrent_init(ctx, &spec);
}

static ek_status lstm_run(ek_op_context *ctx) {
  const ek_recurrent_spec spec = spec_of(ctx);
  const ek_recurrent_cell cell = {NULL, finish};
  return ek_recurrent_run(ctx, &spec, &cell);
}

const ek_op ek_op_lstm = {"LSTM", lstm_shape, lstm_prepare, lstm_init, lstm_run};
