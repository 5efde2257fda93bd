/* IntegerLSTM: integers only, so that every step is exact; edgekit/ops/integer_lstm.py says what it computes. */
#include <string.h>

#include "base/fixed_point.h"
#include "ek_ops_gen.h"
#include "ops/linear/fixed.h"
#include "ops/memory.h"
#include "ops/recurrent/fixed_functions.h"

/* Where the factors of each kind begin, and their number. */
enum {
  LSTM_INPUT = 0,
  LSTM_RECURRENT = 4,
  LSTM_PEEPHOLE = 8,
  LSTM_HIDDEN = 11,
  LSTM_PROJECTION = 12,
  LSTM_NORM = 13,
  LSTM_FACTORS = 17
};
/* The inputs. */
enum { LSTM_X, LSTM_W, LSTM_R, LSTM_B, LSTM_H0, LSTM_C0, LSTM_P, LSTM_N, LSTM_NB, LSTM_PROJ, LSTM_PROJ_B };
#define LSTM_NORM_BITS 12

typedef struct lstm_factor {
  int32_t multiplier, shift;
} lstm_factor;

typedef struct lstm_state {
  lstm_factor factors[LSTM_FACTORS];
  int32_t guards[4]; /* in place of a variance that is 0 */
  size_t hidden;     /* offset in the scratch, behind the gates */
  size_t scratch_bytes;
} lstm_state;

static ek_status check(ek_op_context *ctx, uint32_t index, uint32_t rank, int64_t d0, int64_t d1) {
  const ek_tensor *t = ek_input(ctx, index);
  if (t != NULL && (t->rank != rank || t->dims[0] != d0 || (rank == 2 && t->dims[1] != d1))) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "input %u has a shape that does not fit the input and the states", index);
  }
  return EK_OK;
}

static ek_status integer_lstm_shape(ek_op_context *ctx) {
  const ek_integer_lstm_attrs *a = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, LSTM_X), *r = ek_input(ctx, LSTM_R), *c = ek_input(ctx, LSTM_C0);
  if (x->rank != 3 || r->rank != 2 || c->rank != 2 || c->dims[1] < 1 || c->dims[1] > INT32_MAX / 64) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "an input [S, B, I], weights [4*H, O] and a cell state [B, H] are needed");
  }
  const int64_t batch = x->dims[1], cells = c->dims[1], outputs = r->dims[1];
  EK_TRY(check(ctx, LSTM_W, 2, 4 * cells, x->dims[2]));
  EK_TRY(check(ctx, LSTM_R, 2, 4 * cells, outputs));
  EK_TRY(check(ctx, LSTM_B, 2, 2, 4 * cells));
  EK_TRY(check(ctx, LSTM_H0, 2, batch, outputs));
  EK_TRY(check(ctx, LSTM_C0, 2, batch, cells));
  EK_TRY(check(ctx, LSTM_P, 2, 3, cells));
  EK_TRY(check(ctx, LSTM_N, 2, 4, cells));
  EK_TRY(check(ctx, LSTM_NB, 2, 4, cells));
  EK_TRY(check(ctx, LSTM_PROJ, 2, outputs, cells));
  EK_TRY(check(ctx, LSTM_PROJ_B, 1, outputs, 0));
  if ((ek_input(ctx, LSTM_PROJ) == NULL && outputs != cells) ||
      (ek_input(ctx, LSTM_N) == NULL) != (ek_input(ctx, LSTM_NB) == NULL)) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%lld cells and %lld outputs do not go together, or half a normalization",
                      (long long)cells, (long long)outputs);
  }
  bool sane = a->factors.count == LSTM_FACTORS && a->cell_shift >= -15 && a->cell_shift <= -9 &&
              a->hidden_zero_point >= -128 && a->hidden_zero_point <= 127 && a->zero_point >= -128 &&
              a->zero_point <= 127;
  for (uint32_t i = 0; sane && i < LSTM_FACTORS; i++) {
    sane = a->factors.data[i] >= 0 && a->factors.data[i] < 2147483648.0f;
  }
  if (!sane) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%d factors, a cell_shift from -15 to -9 and zero points of int8 are needed",
                      LSTM_FACTORS);
  }
  const int64_t y[3] = {x->dims[0], batch, outputs};
  EK_TRY(ek_set_dims(ctx, ek_output(ctx, 0), 3, y));
  EK_TRY(ek_copy_dims(ctx, ek_output(ctx, 1), ek_input(ctx, LSTM_H0)));
  return ek_copy_dims(ctx, ek_output(ctx, 2), c);
}

static ek_status plan(ek_op_context *ctx, lstm_state *s) {
  const size_t cells = (size_t)ek_input(ctx, LSTM_C0)->dims[1];
  size_t scratch = 0;
  (void)ek_place(&scratch, 4 * cells * sizeof(int16_t));
  s->hidden = ek_place(&scratch, cells);
  s->scratch_bytes = scratch;
  return scratch == SIZE_MAX ? ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "too many cells") : EK_OK;
}

static ek_status integer_lstm_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  lstm_state s;
  EK_TRY(plan(ctx, &s));
  memory->state_bytes = sizeof s;
  memory->scratch_bytes = s.scratch_bytes;
  return EK_OK;
}

static ek_status integer_lstm_init(ek_op_context *ctx) {
  const ek_integer_lstm_attrs *a = ctx->attrs;
  lstm_state *s = ctx->state;
  for (uint32_t i = 0; i < LSTM_FACTORS; i++) {
    ek_fixed_factor((double)a->factors.data[i], &s->factors[i].multiplier, &s->factors[i].shift);
  }
  for (uint32_t i = 0; i < 4; i++) {
    const float guard = 10000.0f * a->factors.data[LSTM_NORM + i];
    s->guards[i] = guard < 1 ? 1 : guard >= 2147483648.0f ? INT32_MAX : (int32_t)guard;
  }
  return plan(ctx, s);
}

static int32_t scaled(int32_t acc, const lstm_factor *f) { return ek_fixed_multiply(acc, f->multiplier, f->shift, 1); }

static int32_t dot(const int8_t *a, const int8_t *b, size_t n, int32_t first) {
  uint32_t sum = (uint32_t)first;
  for (size_t i = 0; i < n; i++) {
    sum += (uint32_t)(a[i] * b[i]);
  }
  return (int32_t)sum;
}

static void normalize(int16_t *x, size_t n, const int16_t *weights, const int32_t *bias, const lstm_factor *f,
                      int32_t guard) {
  int64_t sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i];
    squares += x[i] * x[i];
  }
  const int32_t mean = (int32_t)(uint32_t)(uint64_t)(sum * 1024 / (int64_t)n);
  const int64_t spread = squares * ((1 << 20) / (int64_t)n) - (int64_t)mean * mean;
  const int32_t variance = (int32_t)(uint32_t)(uint64_t)(spread / (1 << 20));
  lstm_factor root;
  ek_inverse_root(variance < 1 ? guard : variance, &root.multiplier, &root.shift);
  const lstm_factor last = {f->multiplier, f->shift + LSTM_NORM_BITS < 31 ? f->shift + LSTM_NORM_BITS : 31};
  for (size_t i = 0; i < n; i++) {
    const int64_t weighed = (int64_t)scaled(1024 * x[i] - mean, &root) * weights[i] + bias[i];
    const int64_t near = (weighed + (weighed > 0 ? 512 : -512)) / 1024;
    x[i] = (int16_t)ek_saturate16(scaled((int32_t)(uint32_t)(uint64_t)near, &last));
  }
}

typedef struct lstm_row {
  const ek_op_context *ctx;
  const lstm_state *s;
  const int8_t *x; /* of this step */
  int8_t *h;       /* states, updated in place */
  int16_t *c;
  int16_t *gates; /* [4, cells] */
  int8_t *hidden; /* [cells] */
  size_t cells, outputs, width;
} lstm_row;

static void gate(const lstm_row *row, uint32_t k, int32_t peephole) {
  const ek_op_context *ctx = row->ctx;
  const lstm_factor *f = row->s->factors;
  const size_t n = row->cells;
  const int8_t *w = (const int8_t *)ek_input(ctx, LSTM_W)->data + k * n * row->width;
  const int8_t *r = (const int8_t *)ek_input(ctx, LSTM_R)->data + k * n * row->outputs;
  const int32_t *b = (const int32_t *)ek_input(ctx, LSTM_B)->data + k * n;
  int16_t *v = row->gates + k * n;
  for (size_t i = 0; i < n; i++) {
    const int32_t first = ek_saturate16(scaled(dot(row->x, w + i * row->width, row->width, b[i]), &f[LSTM_INPUT + k]));
    const int32_t second =
        scaled(dot(row->h, r + i * row->outputs, row->outputs, b[4 * n + i]), &f[LSTM_RECURRENT + k]);
    v[i] = (int16_t)ek_saturate16(ek_saturate32((int64_t)first + second));
  }
  if (peephole >= 0 && ek_input(ctx, LSTM_P) != NULL) {
    const int16_t *p = (const int16_t *)ek_input(ctx, LSTM_P)->data + (size_t)peephole * n;
    for (size_t i = 0; i < n; i++) {
      const int32_t more = scaled(p[i] * row->c[i], &f[LSTM_PEEPHOLE + peephole]);
      v[i] = (int16_t)ek_saturate16(ek_saturate32((int64_t)v[i] + more));
    }
  }
  if (ek_input(ctx, LSTM_N) != NULL) {
    normalize(v, n, (const int16_t *)ek_input(ctx, LSTM_N)->data + k * n,
              (const int32_t *)ek_input(ctx, LSTM_NB)->data + k * n, &f[LSTM_NORM + k], row->s->guards[k]);
  }
}

static int64_t clip(int64_t x, int64_t bound) { return bound <= 0 ? x : x < -bound ? -bound : x > bound ? bound : x; }

static int8_t to_int8(int32_t x, int64_t zero_point) {
  const int64_t q = x + zero_point;
  return (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
}

static void step(const lstm_row *row) {
  const ek_integer_lstm_attrs *a = row->ctx->attrs;
  const lstm_factor *f = row->s->factors;
  const int32_t shift = (int32_t)a->cell_shift;
  const size_t n = row->cells;
  const int16_t *write = row->gates, *forget = write + n, *cell = forget + n, *opened = cell + n;
  if (!a->coupled) {
    gate(row, 0, 0);
  }
  gate(row, 1, 1);
  gate(row, 2, -1);
  for (size_t i = 0; i < n; i++) {
    const int32_t kept = ek_sigmoid16(forget[i]), in = a->coupled ? 32767 - kept : ek_sigmoid16(write[i]);
    const int32_t old = ek_wrap16(ek_rounding_shift(kept * row->c[i], 15));
    const int32_t added = ek_wrap16(ek_rounding_shift(in * ek_tanh16(cell[i], 3), (uint32_t)(30 + shift)));
    row->c[i] = (int16_t)clip(ek_saturate16(old + added), a->cell_clip);
  }
  gate(row, 3, 2);
  for (size_t i = 0; i < n; i++) {
    const int32_t product = ek_sigmoid16(opened[i]) * ek_tanh16(row->c[i], 15 + shift);
    row->hidden[i] = to_int8(scaled(product, &f[LSTM_HIDDEN]), a->hidden_zero_point);
  }
  const ek_tensor *projection = ek_input(row->ctx, LSTM_PROJ), *bias = ek_input(row->ctx, LSTM_PROJ_B);
  if (projection == NULL) {
    memcpy(row->h, row->hidden, n);
    return;
  }
  for (size_t i = 0; i < row->outputs; i++) {
    const int32_t first = bias != NULL ? ((const int32_t *)bias->data)[i] : 0;
    const int32_t sum = dot(row->hidden, (const int8_t *)projection->data + i * n, n, first);
    row->h[i] = (int8_t)clip(to_int8(scaled(sum, &f[LSTM_PROJECTION]), a->zero_point), a->projection_clip);
  }
}

static ek_status integer_lstm_run(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, LSTM_X);
  const lstm_state *s = ctx->state;
  char *scratch = ctx->scratch;
  const size_t steps = (size_t)x->dims[0], batch = (size_t)x->dims[1];
  lstm_row row = {.ctx = ctx, .s = s, .width = (size_t)x->dims[2]};
  row.cells = (size_t)ek_input(ctx, LSTM_C0)->dims[1];
  row.outputs = (size_t)ek_input(ctx, LSTM_R)->dims[1];
  row.gates = (int16_t *)(void *)scratch;
  row.hidden = (int8_t *)(scratch + s->hidden);
  memcpy(ek_output(ctx, 1)->data, ek_input(ctx, LSTM_H0)->data, batch * row.outputs);
  memcpy(ek_output(ctx, 2)->data, ek_input(ctx, LSTM_C0)->data, batch * row.cells * sizeof(int16_t));
  for (size_t t = 0; t < steps; t++) {
    for (size_t b = 0; b < batch; b++) {
      row.x = (const int8_t *)x->data + (t * batch + b) * row.width;
      row.h = (int8_t *)ek_output(ctx, 1)->data + b * row.outputs;
      row.c = (int16_t *)ek_output(ctx, 2)->data + b * row.cells;
      step(&row);
      memcpy((int8_t *)ek_output(ctx, 0)->data + (t * batch + b) * row.outputs, row.h, row.outputs);
    }
  }
  return EK_OK;
}

const ek_op ek_op_integer_lstm = {"IntegerLSTM", integer_lstm_shape, integer_lstm_prepare, integer_lstm_init,
                                  integer_lstm_run};

#undef LSTM_NORM_BITS
