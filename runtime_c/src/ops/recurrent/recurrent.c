#include "ops/recurrent/recurrent.h"

#include <math.h>
#include <string.h>

static float act_relu(float x, float a, float b) { return (void)a, (void)b, x > 0 ? x : 0; }
static float act_tanh(float x, float a, float b) { return (void)a, (void)b, tanhf(x); }
static float act_sigmoid(float x, float a, float b) { return (void)a, (void)b, 1 / (1 + expf(-x)); }
static float act_affine(float x, float a, float b) { return a * x + b; }
static float act_leaky_relu(float x, float a, float b) { return (void)b, x < 0 ? a * x : x; }
static float act_thresholded_relu(float x, float a, float b) { return (void)b, x > a ? x : 0; }
static float act_scaled_tanh(float x, float a, float b) { return a * tanhf(b * x); }
static float act_hard_sigmoid(float x, float a, float b) {
  const float v = a * x + b;
  return v < 0 ? 0 : v > 1 ? 1 : v;
}
static float act_elu(float x, float a, float b) { return (void)b, x < 0 ? a * expm1f(x) : x; }
static float act_softsign(float x, float a, float b) { return (void)a, (void)b, x / (1 + fabsf(x)); }
static float act_softplus(float x, float a, float b) {
  return (void)a, (void)b, (x > 0 ? x : 0) + log1pf(expf(-fabsf(x)));
}

/* In the order of ACTIVATIONS in edgekit/ops/recurrent.py, with the alpha and beta of one that is given none. */
static const ek_activation activation_table[] = {
    {act_relu, 0, 0},
    {act_tanh, 0, 0},
    {act_sigmoid, 0, 0},
    {act_affine, 1, 0},
    {act_leaky_relu, 0.01f, 0},
    {act_thresholded_relu, 1, 0},
    {act_scaled_tanh, 1, 1},
    {act_hard_sigmoid, 0.2f, 0.5f},
    {act_elu, 1, 0},
    {act_softsign, 0, 0},
    {act_softplus, 0, 0},
};
#define ACTIVATION_COUNT (sizeof activation_table / sizeof activation_table[0])

typedef struct plan {
  ek_igemm input, recurrent; /* depth I and H */
  size_t steps, batch, width, hidden, rows, directions;
  size_t second_rows; /* rows of the second product */
  size_t packed_w, packed_r, packed_second, w_bytes, r_bytes, second_bytes, bias,
      work; /* in the state, or scratch when packing in run */
  bool pack_in_run;
  size_t inputs, products, h, c, new_h, reset_h; /* in the scratch */
  size_t state_bytes, scratch_bytes;
} plan;

static ek_status check(ek_op_context *ctx, const char *what, const ek_tensor *t, uint32_t rank, const int64_t *dims) {
  bool fits = t == NULL || t->rank == rank;
  for (uint32_t i = 0; t != NULL && fits && i < rank; i++) {
    fits = t->dims[i] == dims[i];
  }
  return fits ? EK_OK
              : ek_op_fail(ctx, EK_ERR_SHAPE, "%s has a shape that does not fit the input and hidden_size", what);
}

ek_status ek_recurrent_shape(ek_op_context *ctx, const ek_recurrent_spec *spec) {
  const ek_tensor *x = ek_input(ctx, 0);
  const int64_t d = spec->bidirectional ? 2 : 1, h = spec->hidden, functions = d * spec->functions;
  if (x->rank != 3 || h < 1 || h > INT32_MAX / 16) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "an input of rank 3 and a usable hidden_size are needed");
  }
  const int64_t steps = x->dims[spec->batch_first ? 1 : 0], batch = x->dims[spec->batch_first ? 0 : 1],
                rows = spec->gates * h;
  EK_TRY(check(ctx, "w", ek_input(ctx, 1), 3, (const int64_t[]){d, rows, x->dims[2]}));
  EK_TRY(check(ctx, "r", ek_input(ctx, 2), 3, (const int64_t[]){d, rows, h}));
  EK_TRY(check(ctx, "b", ek_input(ctx, 3), 2, (const int64_t[]){d, 2 * rows}));
  EK_TRY(check(ctx, "sequence_lens", ek_input(ctx, 4), 1, (const int64_t[]){batch}));
  const int64_t state[3] = {spec->batch_first ? batch : d, spec->batch_first ? d : batch, h};
  EK_TRY(check(ctx, "the initial state", ek_input(ctx, 5), 3, state));
  if (spec->has_cell_state) {
    EK_TRY(check(ctx, "the initial cell state", ek_input(ctx, 6), 3, state));
    EK_TRY(check(ctx, "p", ek_input(ctx, 7), 2, (const int64_t[]){d, 3 * h}));
  }
  if ((spec->activations.count != 0 && spec->activations.count != functions) ||
      (spec->alpha.count != 0 && spec->alpha.count != functions) ||
      (spec->beta.count != 0 && spec->beta.count != functions)) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%lld activations are needed", (long long)functions);
  }
  for (uint32_t i = 0; i < spec->activations.count; i++) {
    if (spec->activations.data[i] < 0 || spec->activations.data[i] >= (int64_t)ACTIVATION_COUNT) {
      return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "activation %lld is unknown", (long long)spec->activations.data[i]);
    }
  }
  const int64_t y[4] = {spec->batch_first ? batch : steps, spec->batch_first ? steps : d, spec->batch_first ? d : batch,
                        h};
  for (uint32_t i = 0; i < ctx->output_count; i++) {
    if (ek_output(ctx, i) != NULL) {
      EK_TRY(i == 0 ? ek_set_dims(ctx, ek_output(ctx, 0), 4, y) : ek_set_dims(ctx, ek_output(ctx, i), 3, state));
    }
  }
  return EK_OK;
}

static ek_status build(ek_op_context *ctx, const ek_recurrent_spec *spec, plan *p) {
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1), *r = ek_input(ctx, 2), *b = ek_input(ctx, 3);
  memset(p, 0, sizeof *p);
  if (x->dtype != EK_F32) {
    return ek_op_unsupported_type(ctx, x);
  }
  p->steps = (size_t)x->dims[spec->batch_first ? 1 : 0];
  p->batch = (size_t)x->dims[spec->batch_first ? 0 : 1];
  p->width = (size_t)x->dims[2];
  p->hidden = (size_t)spec->hidden;
  p->rows = spec->gates * p->hidden;
  p->directions = spec->bidirectional ? 2 : 1;
  p->second_rows = spec->second_product_row != 0 ? p->rows - spec->second_product_row * p->hidden : 0;
  if (p->width == 0) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "inputs of no elements");
  }
  EK_TRY(ek_igemm_choose_f32(ctx, w, 1, 1, p->width, -INFINITY, INFINITY, &p->input));
  EK_TRY(ek_igemm_choose_f32(ctx, r, 1, 1, p->hidden, -INFINITY, INFINITY, &p->recurrent));
  if (!ek_gemm_fits(&p->input, ek_mul_size(p->width, p->batch + 1)) || !ek_gemm_fits(&p->recurrent, p->hidden)) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "rows of %zu elements", p->width);
  }
  p->pack_in_run = !w->is_constant || !r->is_constant || (b != NULL && !b->is_constant);
  p->w_bytes = ek_align_size(ek_igemm_packed_size(&p->input, p->rows));
  p->r_bytes = ek_align_size(ek_igemm_packed_size(&p->recurrent, p->rows - p->second_rows));
  p->second_bytes = p->second_rows != 0 ? ek_align_size(ek_igemm_packed_size(&p->recurrent, p->second_rows)) : 0;
  size_t state = 0, scratch = 0;
  (void)ek_place(&state, sizeof *p);
  size_t *where = p->pack_in_run ? &scratch : &state;
  p->packed_w = ek_place(where, ek_mul_size(p->w_bytes, p->directions));
  p->packed_r = ek_place(where, ek_mul_size(p->r_bytes, p->directions));
  p->packed_second = ek_place(where, ek_mul_size(p->second_bytes, p->directions));
  p->bias = ek_place(where, ek_mul_size(p->rows, 2 * sizeof(float)));
  const size_t work_w = ek_igemm_pack_scratch(&p->input, w, false),
               work_r = ek_igemm_pack_scratch(&p->recurrent, r, false);
  p->work = ek_place(where, work_w > work_r ? work_w : work_r);
  const size_t batch_rows = ek_mul_size(p->batch, p->rows * sizeof(float)),
               batch_hidden = ek_mul_size(p->batch, p->hidden * sizeof(float));
  p->inputs = ek_place(&scratch, ek_mul_size(p->steps, batch_rows));
  p->products = ek_place(&scratch, batch_rows);
  p->h = ek_place(&scratch, batch_hidden);
  p->c = ek_place(&scratch, batch_hidden);
  p->new_h = ek_place(&scratch, batch_hidden);
  p->reset_h = ek_place(&scratch, batch_hidden);
  p->state_bytes = state;
  p->scratch_bytes = scratch;
  if (state == SIZE_MAX || scratch == SIZE_MAX) {
    return ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "the weights or the sequence are too large");
  }
  return EK_OK;
}

ek_status ek_recurrent_prepare(ek_op_context *ctx, const ek_recurrent_spec *spec, ek_op_memory *memory) {
  plan p;
  EK_TRY(build(ctx, spec, &p));
  memory->state_bytes = p.state_bytes;
  memory->scratch_bytes = p.scratch_bytes;
  memory->kernel = p.recurrent.name;
  return EK_OK;
}

/* Rows first..first + n of direction d of w (depth k), with biases from an array that begins at row `first`, or none.
 */
static void pack_rows(const ek_igemm *g, const ek_tensor *w, size_t d, size_t all_rows, size_t first, size_t n,
                      size_t k, float *bias, void *work, void *to) {
  ek_tensor b;
  memset(&b, 0, sizeof b);
  b.dtype = EK_F32;
  b.data = bias;
  ek_igemm_source source = ek_igemm_source_of(g, NULL, w, bias != NULL ? &b : NULL, NULL);
  source.shape = ek_igemm_weights_nk(n, k);
  source.start = (d * all_rows + first) * k;
  ek_igemm_pack(g, &source, work, to);
}

static void pack(ek_op_context *ctx, const ek_recurrent_spec *spec, const plan *p, char *memory) {
  const ek_tensor *w = ek_input(ctx, 1), *r = ek_input(ctx, 2), *b = ek_input(ctx, 3);
  float *input_bias = (float *)(void *)(memory + p->bias), *recurrent_bias = input_bias + p->rows;
  const size_t first_rows = p->rows - p->second_rows;
  for (size_t d = 0; d < p->directions; d++) {
    const float *from = b != NULL ? (const float *)b->data + d * 2 * p->rows : NULL;
    for (size_t i = 0; i < p->rows; i++) {
      input_bias[i] = from != NULL ? from[i] : 0;
      recurrent_bias[i] = from != NULL ? from[p->rows + i] : 0;
      if (!spec->separate_bias) {
        input_bias[i] += recurrent_bias[i];
        recurrent_bias[i] = 0;
      }
    }
    pack_rows(&p->input, w, d, p->rows, 0, p->rows, p->width, input_bias, memory + p->work,
              memory + p->packed_w + d * p->w_bytes);
    pack_rows(&p->recurrent, r, d, p->rows, 0, first_rows, p->hidden, recurrent_bias, memory + p->work,
              memory + p->packed_r + d * p->r_bytes);
    if (p->second_rows != 0) {
      pack_rows(&p->recurrent, r, d, p->rows, first_rows, p->second_rows, p->hidden, recurrent_bias + first_rows,
                memory + p->work, memory + p->packed_second + d * p->second_bytes);
    }
  }
}

ek_status ek_recurrent_init(ek_op_context *ctx, const ek_recurrent_spec *spec) {
  plan *p = ctx->state;
  EK_TRY(build(ctx, spec, p));
  if (!p->pack_in_run) {
    pack(ctx, spec, p, ctx->state);
  }
  return EK_OK;
}

static size_t sequence_length(const ek_tensor *lens, size_t entry, size_t steps) {
  if (lens == NULL) {
    return steps;
  }
  const int64_t n = lens->dtype == EK_I64 ? ((const int64_t *)lens->data)[entry] : ((const int32_t *)lens->data)[entry];
  return n < 0 ? 0 : (uint64_t)n < steps ? (size_t)n : steps;
}

typedef struct job {
  ek_op_context *ctx;
  const ek_recurrent_spec *spec;
  const ek_recurrent_cell *cell;
  const plan *p;
  size_t direction, step;
  bool reverse;
  bool second; /* the second product is done */
  ek_activation f[3];
  float *inputs, *products, *h, *c, *new_h, *reset_h;
  float *y;
} job;

/* Offset of a state of (direction, entry), in rows of `hidden`. */
static size_t state_row(const job *j, size_t d, size_t entry) {
  return j->spec->batch_first ? entry * j->p->directions + d : d * j->p->batch + entry;
}

static void entries(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const plan *p = j->p;
  const ek_tensor *lens = ek_input(j->ctx, 4), *peepholes = j->spec->has_cell_state ? ek_input(j->ctx, 7) : NULL;
  (void)thread;
  for (size_t e = begin; e < end; e++) {
    const size_t length = sequence_length(lens, e, p->steps);
    const bool live = j->step < length;
    const size_t at = live && j->reverse ? length - 1 - j->step : j->step;
    ek_cell cell = {.hidden = p->hidden, .clip = j->spec->clip};
    cell.input = j->inputs + (j->spec->batch_first ? e * p->steps + at : at * p->batch + e) * p->rows;
    cell.product = j->products + e * p->rows;
    cell.h = j->h + e * p->hidden;
    cell.new_h = j->new_h + e * p->hidden;
    cell.c = j->spec->has_cell_state ? j->c + e * p->hidden : NULL;
    cell.reset_h = p->second_rows != 0 ? j->reset_h + e * p->hidden : NULL;
    cell.peepholes = peepholes != NULL ? (const float *)peepholes->data + j->direction * 3 * p->hidden : NULL;
    memcpy(cell.f, j->f, sizeof cell.f);
    if (!j->second && j->cell->before_second != NULL) {
      j->cell->before_second(&cell, j->ctx->attrs);
      continue;
    }
    if (live) {
      j->cell->finish(&cell, j->ctx->attrs);
      memcpy(j->h + e * p->hidden, cell.new_h, p->hidden * sizeof(float));
    }
    if (j->y != NULL) {
      const size_t step_row = j->spec->batch_first ? (e * p->steps + at) * p->directions + j->direction
                                                   : (at * p->directions + j->direction) * p->batch + e;
      if (live) {
        memcpy(j->y + step_row * p->hidden, cell.new_h, p->hidden * sizeof(float));
      } else {
        memset(j->y + step_row * p->hidden, 0, p->hidden * sizeof(float));
      }
    }
  }
}

static void read_states(const job *j, const ek_tensor *initial, float *to) {
  const size_t bytes = j->p->hidden * sizeof(float);
  for (size_t e = 0; e < j->p->batch; e++) {
    if (initial != NULL) {
      memcpy(to + e * j->p->hidden, (const float *)initial->data + state_row(j, j->direction, e) * j->p->hidden, bytes);
    } else {
      memset(to + e * j->p->hidden, 0, bytes);
    }
  }
}

static void write_states(const job *j, const float *from, ek_tensor *last) {
  for (size_t e = 0; last != NULL && e < j->p->batch; e++) {
    memcpy((float *)last->data + state_row(j, j->direction, e) * j->p->hidden, from + e * j->p->hidden,
           j->p->hidden * sizeof(float));
  }
}

static void choose_activations(const ek_recurrent_spec *spec, size_t direction, ek_activation *f) {
  for (uint32_t i = 0; i < spec->functions; i++) {
    const size_t at = direction * spec->functions + i;
    f[i] = activation_table[spec->activations.count != 0 ? (size_t)spec->activations.data[at] : spec->defaults[i]];
    if (spec->alpha.count != 0) {
      f[i].alpha = spec->alpha.data[at];
    }
    if (spec->beta.count != 0) {
      f[i].beta = spec->beta.data[at];
    }
  }
}

static void run_direction(job *j, const char *packed) {
  const plan *p = j->p;
  const size_t d = j->direction, first_rows = p->rows - p->second_rows;
  choose_activations(j->spec, d, j->f);
  read_states(j, ek_input(j->ctx, 5), j->h);
  if (j->spec->has_cell_state) {
    read_states(j, ek_input(j->ctx, 6), j->c);
  }
  const ek_gemm inputs = {&p->input,
                          ek_input(j->ctx, 0)->data,
                          packed + p->packed_w + d * p->w_bytes,
                          j->inputs,
                          p->steps * p->batch,
                          p->rows,
                          p->width,
                          p->rows};
  ek_gemm_run(j->ctx->pool, &inputs);
  const size_t grain = p->hidden < 1024 ? 1024 / p->hidden : 1;
  for (j->step = 0; j->step < p->steps; j->step++) {
    const ek_gemm product = {&p->recurrent, j->h,     packed + p->packed_r + d * p->r_bytes,
                             j->products,   p->batch, first_rows,
                             p->hidden,     p->rows};
    ek_gemm_run(j->ctx->pool, &product);
    if (p->second_rows != 0) {
      j->second = false;
      ek_parallel_for(j->ctx->pool, p->batch, grain, entries, j);
      const ek_gemm second = {&p->recurrent,
                              j->reset_h,
                              packed + p->packed_second + d * p->second_bytes,
                              j->products + first_rows,
                              p->batch,
                              p->second_rows,
                              p->hidden,
                              p->rows};
      ek_gemm_run(j->ctx->pool, &second);
    }
    j->second = true;
    ek_parallel_for(j->ctx->pool, p->batch, grain, entries, j);
  }
  write_states(j, j->h, ek_output(j->ctx, 1));
  if (j->spec->has_cell_state) {
    write_states(j, j->c, ek_output(j->ctx, 2));
  }
}

ek_status ek_recurrent_run(ek_op_context *ctx, const ek_recurrent_spec *spec, const ek_recurrent_cell *cell) {
  plan p;
  char *scratch = ctx->scratch;
  EK_TRY(build(ctx, spec, &p));
  if (p.scratch_bytes > ((const plan *)ctx->state)->scratch_bytes) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the sequence is longer than the model allows");
  }
  if (p.batch == 0) {
    return EK_OK;
  }
  char *packed = p.pack_in_run ? scratch : ctx->state;
  if (p.pack_in_run) {
    pack(ctx, spec, &p, packed);
  }
  job j = {.ctx = ctx, .spec = spec, .cell = cell, .p = &p};
  j.inputs = (float *)(void *)(scratch + p.inputs);
  j.products = (float *)(void *)(scratch + p.products);
  j.h = (float *)(void *)(scratch + p.h);
  j.c = (float *)(void *)(scratch + p.c);
  j.new_h = (float *)(void *)(scratch + p.new_h);
  j.reset_h = (float *)(void *)(scratch + p.reset_h);
  j.y = ek_output(ctx, 0) != NULL ? ek_output(ctx, 0)->data : NULL;
  for (j.direction = 0; j.direction < p.directions; j.direction++) {
    j.reverse = spec->reverse || j.direction == 1;
    run_direction(&j, packed);
  }
  return EK_OK;
}
