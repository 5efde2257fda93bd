/* The indirect matrix multiplication families behind one face: what convolutions and matrix products are made of.
 *
 * An ek_igemm says which micro-kernel runs, over what depth, and how results are finished. It is plain data: operators
 * keep it in their state. */
#ifndef EK_OPS_LINEAR_IGEMM_H
#define EK_OPS_LINEAR_IGEMM_H

#include "ops/linear/fixed.h"
#include "ops/memory.h"
#include "ops/op.h"
#include "ops/quantized.h"
#include "ukernels/f32_igemm/f32_igemm.h"
#include "ukernels/f32_qc8w_igemm/f32_qc8w_igemm.h"
#include "ukernels/qs8_igemm/qs8_igemm.h"

/* No row of either family has more rows in its tile. */
#define EK_IGEMM_MAX_MR 32
/* No int8 row has more columns in its tile. */
#define EK_IGEMM_MAX_QS8_NR 32

typedef struct ek_igemm {
  const ek_f32_igemm_row *f32;       /* exactly one of the three is not NULL */
  const ek_f32_qc8w_igemm_row *qc8w; /* float activations, weights kept in int8 */
  const ek_qs8_igemm_row *qs8;
  ek_f32_igemm_fn *float_fn; /* of f32 or qc8w */
  size_t mr, nr;
  size_t item; /* bytes of an activation: 4 or 1 */
  const char *name;
  size_t kc, ks;
  float min, max;                 /* float clamp */
  int32_t zero_point, qmin, qmax; /* of the int8 output */
  int32_t input_zero_point;
  ek_fixed fixed; /* int8 only */
} ek_igemm;

/* Where weights come from. Element (n, t, k) is number start + n * n_stride + tap(t) + k * k_stride of `w`, where
 * tap(t) is t * t_stride, or taps[t] where `taps` is given; its bias is number bias_start + n of `bias`. */
typedef struct ek_igemm_source {
  const ek_tensor *w;    /* F32, F16, I8 */
  const ek_tensor *bias; /* NULL, F32, F16; I32 for int8 */
  const void *data;      /* of the weights: w->data, or a copy that lies elsewhere */
  ek_igemm_weights shape;
  size_t start, bias_start;
  const size_t *taps;
  float input_scale, output_scale; /* int8 only */
} ek_igemm_source;

/* Chooses the float kernel: x and y are F32, w is F32, F16 or quantized I8. int8 weights stay int8 where their zero
 * points are 0 and they have one scale, or one for each index of `column_axis` (the dimension of w that the columns run
 * along, -1 for none); other weights become float when they are packed. */
ek_status ek_igemm_choose_f32(ek_op_context *ctx, const ek_tensor *w, int32_t column_axis, size_t ks, size_t kc,
                              float min, float max, ek_igemm *g);

/* Chooses the int8 kernel and checks every quantization parameter: x, w, y are I8, w is symmetric, per tensor or along
 * axis 0 (with `channels` scales), the bias I32 or NULL. */
ek_status ek_igemm_choose_qs8(ek_op_context *ctx, const ek_tensor *x, const ek_tensor *w, const ek_tensor *y,
                              size_t channels, size_t ks, size_t kc, float min, float max, ek_igemm *g);

/* The one or the other by the element types of x, w, bias and y, which it checks. The output channels are dimension 0
 * of w. */
ek_status ek_igemm_choose(ek_op_context *ctx, const ek_tensor *x, const ek_tensor *w, const ek_tensor *bias,
                          const ek_tensor *y, size_t channels, size_t ks, size_t kc, float min, float max, ek_igemm *g);

/* Fills what ek_igemm_source needs of x, w, bias and y: shape and starts are the caller's. */
ek_igemm_source ek_igemm_source_of(const ek_igemm *g, const ek_tensor *x, const ek_tensor *w, const ek_tensor *bias,
                                   const ek_tensor *y);

/* Bytes of n packed columns, of one packed tile of NR columns, and of the memory packing works in: little where the
 * weights can be read as they lie (float32, or int8 for the int8 kernel, and no list of taps). */
size_t ek_igemm_packed_size(const ek_igemm *g, size_t n);
size_t ek_igemm_packed_tile(const ek_igemm *g);
size_t ek_igemm_pack_scratch(const ek_igemm *g, const ek_tensor *w, bool tap_list);

/* Packs shape.n columns. `scratch` has ek_igemm_pack_scratch bytes. */
void ek_igemm_pack(const ek_igemm *g, const ek_igemm_source *source, void *scratch, void *packed);

/* One weight or bias as float: what an F16 or quantized element stands for. */
float ek_weight_value(const ek_tensor *t, const void *data, size_t index);

/* Arguments of either family. */
typedef union ek_igemm_args {
  ek_f32_igemm_args f32;
  ek_qs8_igemm_args qs8;
} ek_igemm_args;

/* Everything that is the same in all calls of a run. `zero` is a row of kc zeros (zero points), or NULL where nothing
 * is padding; cm_stride counts elements of c. */
static inline void ek_igemm_begin(const ek_igemm *g, const void *zero, size_t cm_stride, ek_igemm_args *args) {
  if (g->qs8 != NULL) {
    const ek_qs8_igemm_args a = {g->kc,     g->ks, NULL,          NULL,    zero,    NULL, NULL,
                                 cm_stride, g->nr, g->zero_point, g->qmin, g->qmax, NULL};
    args->qs8 = a;
  } else {
    const ek_f32_igemm_args a = {g->kc, g->ks, NULL, NULL, zero, NULL, NULL, cm_stride, g->nr, g->min, g->max};
    args->f32 = a;
  }
}

/* The same for sums that are requantized in fixed point: a tile of columns at a time. */
void ek_igemm_call_fixed(const ek_igemm *g, const ek_qs8_igemm_args *args, size_t mr, size_t nc, size_t channel);

/* `channel` is the output channel that the first column is. */
static inline void ek_igemm_call(const ek_igemm *g, ek_igemm_args *args, size_t mr, size_t nc, const void *a,
                                 const uint32_t *offsets, const void *w, void *c, size_t channel) {
  if (g->qs8 != NULL) {
    args->qs8.a = a;
    args->qs8.a_offsets = offsets;
    args->qs8.w = w;
    args->qs8.c = c;
    if (g->fixed.row != NULL) {
      ek_igemm_call_fixed(g, &args->qs8, mr, nc, channel);
      return;
    }
    g->qs8->fn(mr, nc, &args->qs8);
  } else {
    args->f32.a = a;
    args->f32.a_offsets = offsets;
    args->f32.w = w;
    args->f32.c = c;
    g->float_fn(mr, nc, &args->f32);
  }
}

/* A plain product: rows of `a` lie lda elements apart (rows * lda below 2^32 within a tile), rows of `c` cm_stride
 * apart. */
typedef struct ek_gemm {
  const ek_igemm *g;
  const void *a, *packed;
  void *c;
  size_t rows, columns, lda, cm_stride;
  size_t channel; /* the output channel that the first column is: matters to requantize in fixed point */
} ek_gemm;

/* True where a tile's rows can be addressed. */
static inline bool ek_gemm_fits(const ek_igemm *g, size_t lda) { return lda <= (UINT32_MAX - 1) / g->mr; }

void ek_gemm_run(ek_thread_pool *pool, const ek_gemm *job);

/* Columns of one piece of work, a multiple of nr: the packed weights of a piece stay in a small cache, and there are
 * enough pieces for the threads. `tiles` is the number of row tiles. */
size_t ek_igemm_column_block(const ek_igemm *g, size_t columns, size_t tiles, uint32_t threads);

/* Pieces of work of mr rows and `columns` columns that are worth a thread's attention. */
size_t ek_igemm_grain(const ek_igemm *g, size_t columns);

#endif
