/* LSTM, GRU and RNN over one driver: it walks directions and steps and does the matrix products; an operator's cell
 * does the rest.
 *
 * All input products of a direction are one product at the start; a step is one recurrent product (two for a GRU that
 * resets before it). Batch entries whose sequence is over keep their state. */
#ifndef EK_OPS_RECURRENT_RECURRENT_H
#define EK_OPS_RECURRENT_RECURRENT_H

#include "ops/linear/igemm.h"
#include "ops/op.h"

typedef float (*ek_activation_fn)(float x, float alpha, float beta);

typedef struct ek_activation {
  ek_activation_fn fn;
  float alpha, beta;
} ek_activation;

/* What the attributes of the three operators have in common. */
typedef struct ek_recurrent_spec {
  int64_t hidden;
  bool reverse, bidirectional, batch_first;
  ek_i64_list activations;
  ek_f32_list alpha, beta;
  float clip;
  uint32_t gates;              /* rows of w are gates * hidden */
  uint32_t functions;          /* activations of a direction */
  const uint8_t *defaults;     /* `functions` codes */
  bool has_cell_state;         /* an initial cell state is input 6, the last one output 2; peepholes are input 7 */
  bool separate_bias;          /* the recurrent bias stays apart from the input bias (GRU) */
  uint32_t second_product_row; /* the first gate that a second product computes, 0 for none: GRU's hidden gate */
} ek_recurrent_spec;

/* What a cell sees of one step and batch entry. */
typedef struct ek_cell {
  size_t hidden;
  const float *input;     /* [gates * hidden]: w x + bias */
  float *product;         /* [gates * hidden]: r h (+ recurrent bias); the cell may overwrite it */
  const float *h;         /* [hidden] before the step */
  float *new_h;           /* [hidden] */
  float *c;               /* [hidden]: cell state, updated in place; NULL without */
  float *reset_h;         /* [hidden]: what the second product multiplies; NULL without */
  const float *peepholes; /* [3 * hidden] or NULL */
  ek_activation f[3];
  float clip;
} ek_cell;

typedef struct ek_recurrent_cell {
  void (*before_second)(const ek_cell *cell, const void *attrs); /* NULL without a second product */
  void (*finish)(const ek_cell *cell, const void *attrs);
} ek_recurrent_cell;

ek_status ek_recurrent_shape(ek_op_context *ctx, const ek_recurrent_spec *spec);
ek_status ek_recurrent_prepare(ek_op_context *ctx, const ek_recurrent_spec *spec, ek_op_memory *memory);
ek_status ek_recurrent_init(ek_op_context *ctx, const ek_recurrent_spec *spec);
ek_status ek_recurrent_run(ek_op_context *ctx, const ek_recurrent_spec *spec, const ek_recurrent_cell *cell);

static inline float ek_clip(float x, float clip) { return clip > 0 ? (x < -clip ? -clip : x > clip ? clip : x) : x; }
static inline float ek_activate(const ek_activation *a, float x) { return a->fn(x, a->alpha, a->beta); }

#endif
