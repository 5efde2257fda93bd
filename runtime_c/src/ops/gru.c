/* GRU: the cell; ops/recurrent/recurrent.h does the rest. */
#include "ek_ops_gen.h"
#include "ops/recurrent/recurrent.h"

static const uint8_t defaults[] = {2, 1}; /* codes of edgekit/ops/recurrent.py */

static ek_recurrent_spec spec_of(const ek_op_context *ctx) {
  const ek_gru_attrs *a = ctx->attrs;
  ek_recurrent_spec s = {.hidden = a->hidden_size, .batch_first = a->batch_first, .activations = a->activations};
  s.reverse = a->direction == EK_GRU_DIRECTION_REVERSE;
  s.bidirectional = a->direction == EK_GRU_DIRECTION_BIDIRECTIONAL;
  s.alpha = a->activation_alpha;
  s.beta = a->activation_beta;
  s.clip = a->clip;
  s.gates = 3;
  s.functions = 2;
  s.defaults = defaults;
  s.separate_bias = true;
  s.second_product_row = a->linear_before_reset ? 0 : 2;
  return s;
}

/* Gates in the order update, reset, hidden. `product` holds the recurrent bias too. */
static float reset_gate(const ek_cell *s, size_t i) {
  return ek_activate(&s->f[0], ek_clip(s->input[s->hidden + i] + s->product[s->hidden + i], s->clip));
}

/* Without linear_before_reset the hidden gate's product is that of the state already reset. */
static void reset_state(const ek_cell *s, const void *attributes) {
  (void)attributes;
  for (size_t i = 0; i < s->hidden; i++) {
    s->reset_h[i] = reset_gate(s, i) * s->h[i];
  }
}

static void finish(const ek_cell *s, const void *attributes) {
  const ek_gru_attrs *a = attributes;
  const size_t n = s->hidden;
  for (size_t i = 0; i < n; i++) {
    const float update = ek_activate(&s->f[0], ek_clip(s->input[i] + s->product[i], s->clip));
    const float product = a->linear_before_reset ? reset_gate(s, i) * s->product[2 * n + i] : s->product[2 * n + i];
    const float hidden = ek_activate(&s->f[1], ek_clip(s->input[2 * n + i] + product, s->clip));
    s->new_h[i] = (1 - update) * hidden + update * s->h[i];
  }
}

static ek_status gru_shape(ek_op_context *ctx) {
  const ek_recurrent_spec spec = spec_of(ctx);
  return ek_recurrent_shape(ctx, &spec);
}

static ek_status gru_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  const ek_recurrent_spec spec = spec_of(ctx);
  return ek_recurrent_prepare(ctx, &spec, memory);
}

static ek_status gru_init(ek_op_context *ctx) {
  const ek_recurrent_spec spec = spec_of(ctx);
  return ek_recurrent_init(ctx, &spec);
}

static ek_status gru_run(ek_op_context *ctx) {
  const ek_recurrent_spec spec = spec_of(ctx);
  const ek_recurrent_cell cell = {spec.second_product_row != 0 ? reset_state : NULL, finish};
  return ek_recurrent_run(ctx, &spec, &cell);
}

const ek_op ek_op_gru = {"GRU", gru_shape, gru_prepare, gru_init, gru_run};
