/* RNN: the cell; ops/recurrent/recurrent.h does the rest. */
#include "ek_ops_gen.h"
#include "ops/recurrent/recurrent.h"

static const uint8_t defaults[] = {1}; /* codes of edgekit/ops/recurrent.py */

static ek_recurrent_spec spec_of(const ek_op_context *ctx) {
  const ek_rnn_attrs *a = ctx->attrs;
  ek_recurrent_spec s = {.hidden = a->hidden_size, .batch_first = a->batch_first, .activations = a->activations};
  s.reverse = a->direction == EK_RNN_DIRECTION_REVERSE;
  s.bidirectional = a->direction == EK_RNN_DIRECTION_BIDIRECTIONAL;
  s.alpha = a->activation_alpha;
  s.beta = a->activation_beta;
  s.clip = a->clip;
  s.gates = 1;
  s.functions = 1;
  s.defaults = defaults;
  return s;
}

static void finish(const ek_cell *s, const void *attributes) {
  (void)attributes;
  for (size_t i = 0; i < s->hidden; i++) {
    s->new_h[i] = ek_activate(&s->f[0], ek_clip(s->input[i] + s->product[i], s->clip));
  }
}

static ek_status rnn_shape(ek_op_context *ctx) {
  const ek_recurrent_spec spec = spec_of(ctx);
  return ek_recurrent_shape(ctx, &spec);
}

static ek_status rnn_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_recurrent_spec spec = spec_of(ctx);
  return ek_recurrent_prepare(ctx, &spec, memory);
}

static ek_status rnn_init(ek_op_context *ctx) {
  const ek_recurrent_spec spec = spec_of(ctx);
  return ek_recurrent_init(ctx, &spec);
}

static ek_status rnn_run(ek_op_context *ctx) {
  const ek_recurrent_spec spec = spec_of(ctx);
  const ek_recurrent_cell cell = {NULL, finish};
  return ek_recurrent_run(ctx, &spec, &cell);
}

const ek_op ek_op_rnn = {"RNN", rnn_shape, rnn_prepare, rnn_init, rnn_run};
