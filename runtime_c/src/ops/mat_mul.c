/* MatMul: one packed b for each distinct matrix of it, rows of a as they lie (or transposed into scratch).
 *
 * int8 with a constant b of zero point 0 runs on the int8 kernel. The zero point of b otherwise, or an int8 b that is
 * computed, takes the plain integer loop below: int16 differences, int32 sums, the same requantize. */
#include <math.h>
#include <string.h>

#include "base/requantize.h"
#include "ek_ops_gen.h"
#include "ops/linear/igemm.h"
#include "ops/spatial.h"

typedef struct matrices {
  size_t rows, inner, columns;
  size_t batch;   /* matrices of y */
  uint32_t outer; /* leading dims of y */
  int64_t dims[EK_MAX_RANK];
  size_t a_step[EK_MAX_RANK], b_step[EK_MAX_RANK]; /* matrices to skip along each leading dim, 0 where broadcast */
  size_t b_count;                                  /* matrices in b */
} matrices;

typedef struct plan {
  ek_igemm g;
  bool plain; /* int8 on the plain loop */
  bool pack_in_run;
  size_t packed, work, matrix_bytes; /* in the state */
  size_t scratch_thread;             /* bytes of scratch for one thread: transposed a, packed b, packing work */
  size_t run_a, run_packed, run_work;
  size_t state_bytes, scratch_bytes;
} plan;

static ek_status read_matrices(ek_op_context *ctx, matrices *m, int64_t *dims, uint32_t *rank) {
  const ek_mat_mul_attrs *attrs = ctx->attrs;
  const ek_tensor *a = ek_input(ctx, 0), *b = ek_input(ctx, 1);
  memset(m, 0, sizeof *m);
  if (a->rank < 1 || b->rank < 1 || (attrs->transpose_a && a->rank < 2) || (attrs->transpose_b && b->rank < 2)) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "operands of rank %u and %u cannot be multiplied", a->rank, b->rank);
  }
  const uint32_t ra = a->rank, rb = b->rank;
  const int64_t ma = ra < 2 ? 1 : a->dims[ra - (attrs->transpose_a ? 1 : 2)],
                ka = a->dims[ra - (attrs->transpose_a ? 2 : 1)];
  const int64_t kb = rb < 2 ? b->dims[0] : b->dims[rb - (attrs->transpose_b ? 1 : 2)];
  const int64_t nb = rb < 2 ? 1 : b->dims[rb - (attrs->transpose_b ? 2 : 1)];
  if (ka != kb) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the inner dimensions %lld and %lld differ", (long long)ka, (long long)kb);
  }
  m->rows = (size_t)ma;
  m->inner = (size_t)ka;
  m->columns = (size_t)nb;
  const uint32_t oa = ra < 2 ? 0 : ra - 2, ob = rb < 2 ? 0 : rb - 2;
  m->outer = oa > ob ? oa : ob;
  m->batch = m->b_count = 1;
  size_t step_a = 1, step_b = 1;
  for (uint32_t i = m->outer; i-- > 0;) {
    const int64_t da = i + oa < m->outer ? 1 : a->dims[i + oa - m->outer];
    const int64_t db = i + ob < m->outer ? 1 : b->dims[i + ob - m->outer];
    if (da != db && da != 1 && db != 1) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "dimensions %lld and %lld do not broadcast", (long long)da, (long long)db);
    }
    m->dims[i] = da == 1 ? db : da;
    m->a_step[i] = da == 1 ? 0 : step_a;
    m->b_step[i] = db == 1 ? 0 : step_b;
    step_a *= (size_t)da;
    step_b *= (size_t)db;
    m->batch = ek_mul_size(m->batch, (size_t)m->dims[i]);
  }
  m->b_count = step_b;
  *rank = 0;
  for (uint32_t i = 0; i < m->outer; i++) {
    dims[(*rank)++] = m->dims[i];
  }
  if (ra > 1) {
    dims[(*rank)++] = ma;
  }
  if (rb > 1) {
    dims[(*rank)++] = nb;
  }
  return EK_OK;
}

static ek_status mat_mul_shape(ek_op_context *ctx) {
  matrices m;
  int64_t dims[EK_MAX_RANK];
  uint32_t rank;
  EK_TRY(read_matrices(ctx, &m, dims, &rank));
  return ek_set_dims(ctx, ek_output(ctx, 0), rank, dims);
}

static ek_status choose(ek_op_context *ctx, const matrices *m, plan *p) {
  const ek_tensor *a = ek_input(ctx, 0), *b = ek_input(ctx, 1);
  const ek_tensor *y = ek_output(ctx, 0);
  if (a->dtype != EK_I8) {
    const ek_mat_mul_attrs *attrs = ctx->attrs;
    const int32_t column_axis = b->rank < 2 ? -1 : (int32_t)b->rank - (attrs->transpose_b ? 2 : 1);
    return a->dtype != EK_F32 ? ek_op_unsupported_type(ctx, a)
                              : ek_igemm_choose_f32(ctx, b, column_axis, 1, m->inner, -INFINITY, INFINITY, &p->g);
  }
  ek_affine qa, qb, qy;
  float multiplier;
  if (b->dtype != EK_I8) {
    return ek_op_unsupported_type(ctx, b);
  }
  EK_TRY(ek_read_affine(ctx, a, &qa));
  EK_TRY(ek_read_affine(ctx, b, &qb));
  EK_TRY(ek_read_affine(ctx, y, &qy));
  EK_TRY(ek_requantize_multiplier(ctx, qa.scale, qb.scale, qy.scale, &multiplier));
  if (qb.zero_point == 0 && b->is_constant) {
    return ek_igemm_choose_qs8(ctx, a, b, y, 0, 1, m->inner, -INFINITY, INFINITY, &p->g);
  }
  p->plain = true;
  p->g.item = 1;
  p->g.name = "plain int8 loop";
  return EK_OK;
}

static ek_status build(ek_op_context *ctx, matrices *m, plan *p) {
  const ek_mat_mul_attrs *attrs = ctx->attrs;
  const ek_tensor *b = ek_input(ctx, 1);
  int64_t dims[EK_MAX_RANK];
  uint32_t rank;
  memset(p, 0, sizeof *p);
  EK_TRY(read_matrices(ctx, m, dims, &rank));
  EK_TRY(choose(ctx, m, p));
  size_t state = 0, scratch = 0, one = 0;
  (void)ek_place(&state, sizeof *p);
  p->pack_in_run = !b->is_constant;
  if (p->plain) {
    p->run_packed = ek_place(&one, ek_mul_size(ek_mul_size(m->columns, m->inner), sizeof(int16_t)));
    p->run_a = ek_place(&one, ek_mul_size(m->inner, sizeof(int16_t)));
  } else {
    if (!ek_gemm_fits(&p->g, m->inner)) {
      return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "rows of %zu elements", m->inner);
    }
    p->matrix_bytes = ek_align_size(ek_igemm_packed_size(&p->g, m->columns));
    if (p->pack_in_run) {
      p->run_packed = ek_place(&one, p->matrix_bytes);
      p->run_work = ek_place(&one, ek_igemm_pack_scratch(&p->g, b, false));
    } else {
      p->packed = ek_place(&state, ek_mul_size(p->matrix_bytes, m->b_count));
      p->work = ek_place(&state, ek_igemm_pack_scratch(&p->g, b, false));
    }
    if (attrs->transpose_a) {
      p->run_a = ek_place(&one, ek_mul_size(ek_mul_size(m->rows, m->inner), p->g.item));
    }
  }
  p->scratch_thread = one;
  (void)ek_place(&scratch, ek_mul_size(one, ctx->threads != 0 ? ctx->threads : 1));
  p->state_bytes = state;
  p->scratch_bytes = scratch;
  if (state == SIZE_MAX || scratch == SIZE_MAX) {
    return ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "the matrices are too large");
  }
  return EK_OK;
}

static ek_status mat_mul_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  matrices m;
  plan p;
  EK_TRY(build(ctx, &m, &p));
  memory->state_bytes = p.state_bytes;
  memory->scratch_bytes = p.scratch_bytes;
  memory->kernel = p.g.name;
  return EK_OK;
}

static void pack(ek_op_context *ctx, const matrices *m, const plan *p, size_t matrix, void *work, void *to) {
  const ek_mat_mul_attrs *attrs = ctx->attrs;
  const ek_tensor *b = ek_input(ctx, 1);
  ek_igemm_source source = ek_igemm_source_of(&p->g, ek_input(ctx, 0), b, NULL, ek_output(ctx, 0));
  source.shape = attrs->transpose_b || b->rank < 2 ? ek_igemm_weights_nk(m->columns, m->inner)
                                                   : ek_igemm_weights_kn(m->columns, m->inner);
  source.start = matrix * m->inner * m->columns;
  ek_igemm_pack(&p->g, &source, work, to);
}

static ek_status mat_mul_init(ek_op_context *ctx) {
  matrices m;
  plan *p = ctx->state;
  char *state = ctx->state;
  EK_TRY(build(ctx, &m, p));
  for (size_t i = 0; i < m.b_count && !p->pack_in_run && !p->plain; i++) {
    pack(ctx, &m, p, i, state + p->work, state + p->packed + i * p->matrix_bytes);
  }
  return EK_OK;
}

typedef struct job {
  ek_op_context *ctx;
  const matrices *m;
  const plan *p;
  ek_thread_pool *inner_pool; /* shares out one product, where there are few */
} job;

static void transpose(const void *from, void *to, size_t rows, size_t columns, size_t item) {
  ek_transpose_matrices(NULL, from, to, 1, rows, columns, item);
}

/* One product in int16 differences. */
static void plain_product(const job *j, const int8_t *a, const int8_t *b, int8_t *c, char *scratch) {
  const matrices *m = j->m;
  const ek_mat_mul_attrs *attrs = j->ctx->attrs;
  const ek_tensor *ta = ek_input(j->ctx, 0), *tb = ek_input(j->ctx, 1);
  const ek_tensor *ty = ek_output(j->ctx, 0);
  const int32_t za = ta->quant->zero_point[0], zb = tb->quant->zero_point[0], zy = ty->quant->zero_point[0];
  const float multiplier =
      (float)((double)ta->quant->scale[0] * (double)tb->quant->scale[0] / (double)ty->quant->scale[0]);
  const bool b_by_column = attrs->transpose_b || tb->rank < 2;
  int16_t *columns = (int16_t *)(void *)(scratch + j->p->run_packed), *row = (int16_t *)(void *)(scratch + j->p->run_a);
  for (size_t n = 0; n < m->columns; n++) {
    for (size_t k = 0; k < m->inner; k++) {
      columns[n * m->inner + k] = (int16_t)(b[b_by_column ? n * m->inner + k : k * m->columns + n] - zb);
    }
  }
  for (size_t i = 0; i < m->rows; i++) {
    for (size_t k = 0; k < m->inner; k++) {
      row[k] = (int16_t)(a[attrs->transpose_a ? k * m->rows + i : i * m->inner + k] - za);
    }
    for (size_t n = 0; n < m->columns; n++) {
      const int16_t *column = columns + n * m->inner;
      uint32_t sum = 0;
      for (size_t k = 0; k < m->inner; k++) {
        sum += (uint32_t)(row[k] * column[k]);
      }
      c[i * m->columns + n] = ek_requantize((int32_t)sum, multiplier, zy, -128, 127);
    }
  }
}

static void product_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const matrices *m = j->m;
  const plan *p = j->p;
  const ek_mat_mul_attrs *attrs = j->ctx->attrs;
  const size_t item = p->g.item;
  char *scratch = (char *)j->ctx->scratch + thread * p->scratch_thread;
  const char *state = j->ctx->state;
  size_t packed_matrix = SIZE_MAX; /* what the scratch holds */
  for (size_t i = begin; i < end; i++) {
    size_t ia = 0, ib = 0, rest = i;
    for (uint32_t d = m->outer; d-- > 0;) {
      const size_t index = rest % (size_t)m->dims[d];
      rest /= (size_t)m->dims[d];
      ia += index * m->a_step[d];
      ib += index * m->b_step[d];
    }
    const char *a = (const char *)ek_input(j->ctx, 0)->data + ia * m->rows * m->inner * item;
    char *c = (char *)ek_output(j->ctx, 0)->data + i * m->rows * m->columns * item;
    if (p->plain) {
      plain_product(j, (const int8_t *)a, (const int8_t *)ek_input(j->ctx, 1)->data + ib * m->inner * m->columns,
                    (int8_t *)c, scratch);
      continue;
    }
    if (attrs->transpose_a) {
      transpose(a, scratch + p->run_a, m->inner, m->rows, item);
      a = scratch + p->run_a;
    }
    const char *packed = state + p->packed + ib * p->matrix_bytes;
    if (p->pack_in_run) {
      if (packed_matrix != ib) {
        pack(j->ctx, m, p, ib, scratch + p->run_work, scratch + p->run_packed);
        packed_matrix = ib;
      }
      packed = scratch + p->run_packed;
    }
    const ek_gemm gemm = {&p->g, a, packed, c, m->rows, m->columns, m->inner, m->columns, 0};
    ek_gemm_run(j->inner_pool, &gemm);
  }
}

static ek_status mat_mul_run(ek_op_context *ctx) {
  matrices m;
  plan p;
  EK_TRY(build(ctx, &m, &p));
  if (p.scratch_bytes > ((const plan *)ctx->state)->scratch_bytes) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the operands are larger than the model allows");
  }
  ek_tensor *y = ek_output(ctx, 0);
  if (ek_tensor_elements(y) == 0) {
    return EK_OK;
  }
  if (m.inner == 0) { /* a sum of nothing */
    ek_affine qy = {1, 0, 0, 0};
    if (p.g.item == 1) {
      EK_TRY(ek_read_affine(ctx, y, &qy));
    }
    memset(y->data, p.g.item == 1 ? qy.zero_point : 0, ek_tensor_bytes(y));
    return EK_OK;
  }
  const uint32_t threads = ek_thread_pool_size(ctx->pool);
  const bool by_batch = m.batch >= threads && threads > 1;
  job j = {ctx, &m, &p, by_batch ? NULL : ctx->pool};
  if (by_batch) {
    ek_parallel_for(ctx->pool, m.batch, 1, product_range, &j);
  } else {
    product_range(&j, 0, m.batch, 0);
  }
  return EK_OK;
}

const ek_op ek_op_mat_mul = {"MatMul", mat_mul_shape, mat_mul_prepare, mat_mul_init, mat_mul_run};
