/* Attention: softmax(scale * q k' + mask) v, head by head, in blocks of query rows so that no full score matrix is
 * kept. */
#include <math.h>
#include <string.h>

#include "base/float16.h"
#include "ek_ops_gen.h"
#include "ops/linear/igemm.h"

#define BLOCK_ROWS 32

typedef struct plan {
  ek_igemm scores, values;
  size_t batch, heads, key_heads, rows, keys, depth, width; /* width: of v */
  size_t mask_step[4]; /* elements along each dimension of [B, H, S, L]; 0 where broadcast */
  size_t packed_k, packed_v, work_k, work_v, block, thread_bytes;
} plan;

static ek_status attention_shape(ek_op_context *ctx) {
  const ek_tensor *q = ek_input(ctx, 0), *k = ek_input(ctx, 1), *v = ek_input(ctx, 2), *mask = ek_input(ctx, 3);
  if (q->rank != 4 || k->rank != 4 || v->rank != 4) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "q, k and v need rank 4");
  }
  if (q->dims[3] != k->dims[3] || k->dims[2] != v->dims[2] || k->dims[1] != v->dims[1] || q->dims[0] != k->dims[0] ||
      q->dims[0] != v->dims[0] || k->dims[1] < 1 || q->dims[1] % k->dims[1] != 0) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "q, k and v do not fit together");
  }
  const int64_t full[4] = {q->dims[0], q->dims[1], q->dims[2], k->dims[2]};
  if (mask != NULL) {
    bool fits = mask->rank <= 4;
    for (uint32_t i = 0; fits && i < mask->rank; i++) {
      const int64_t n = mask->dims[i];
      fits = n == 1 || n == full[4 - mask->rank + i];
    }
    if (!fits) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the mask does not broadcast to [batch, heads, queries, keys]");
    }
  }
  const int64_t dims[4] = {q->dims[0], q->dims[1], q->dims[2], v->dims[3]};
  return ek_set_dims(ctx, ek_output(ctx, 0), 4, dims);
}

static ek_status build(ek_op_context *ctx, plan *p) {
  const ek_tensor *q = ek_input(ctx, 0), *k = ek_input(ctx, 1), *v = ek_input(ctx, 2), *mask = ek_input(ctx, 3);
  memset(p, 0, sizeof *p);
  if (q->dtype != EK_F32) {
    return ek_op_unsupported_type(ctx, q);
  }
  p->batch = (size_t)q->dims[0];
  p->heads = (size_t)q->dims[1];
  p->key_heads = (size_t)k->dims[1];
  p->rows = (size_t)q->dims[2];
  p->keys = (size_t)k->dims[2];
  p->depth = (size_t)q->dims[3];
  p->width = (size_t)v->dims[3];
  EK_TRY(ek_igemm_choose_f32(ctx, k, -1, 1, p->depth, -INFINITY, INFINITY, &p->scores));
  EK_TRY(ek_igemm_choose_f32(ctx, v, -1, 1, p->keys, -INFINITY, INFINITY, &p->values));
  if (p->depth == 0 || !ek_gemm_fits(&p->scores, p->depth) || !ek_gemm_fits(&p->values, p->keys)) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "rows of %zu or %zu elements", p->depth, p->keys);
  }
  if (mask != NULL) {
    size_t step = 1;
    for (uint32_t i = mask->rank; i-- > 0;) {
      p->mask_step[4 - mask->rank + i] = mask->dims[i] == 1 ? 0 : step;
      step *= (size_t)mask->dims[i];
    }
  }
  size_t used = 0;
  p->packed_k = ek_place(&used, ek_igemm_packed_size(&p->scores, p->keys));
  p->packed_v = ek_place(&used, ek_igemm_packed_size(&p->values, p->width));
  p->work_k = ek_place(&used, ek_igemm_pack_scratch(&p->scores, k, false));
  p->work_v = ek_place(&used, ek_igemm_pack_scratch(&p->values, v, false));
  p->block = ek_place(&used, ek_mul_size(p->keys, BLOCK_ROWS * sizeof(float)));
  p->thread_bytes = used;
  return used == SIZE_MAX ? ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "the keys are too large") : EK_OK;
}

static ek_status attention_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  plan p;
  EK_TRY(build(ctx, &p));
  memory->state_bytes = sizeof(size_t);
  memory->scratch_bytes = ek_mul_size(p.thread_bytes, ctx->threads != 0 ? ctx->threads : 1);
  memory->kernel = p.scores.name;
  return memory->scratch_bytes == SIZE_MAX ? ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "the keys are too large") : EK_OK;
}

static ek_status attention_init(ek_op_context *ctx) {
  plan p;
  EK_TRY(build(ctx, &p));
  *(size_t *)ctx->state = p.thread_bytes;
  return EK_OK;
}

static float mask_value(const ek_tensor *mask, size_t index) {
  switch (mask->dtype) {
    case EK_BOOL: return ((const uint8_t *)mask->data)[index] != 0 ? 0.0f : -INFINITY;
    case EK_F16: return ek_f16_to_f32(((const uint16_t *)mask->data)[index]);
    default: return ((const float *)mask->data)[index];
  }
}

typedef struct job {
  ek_op_context *ctx;
  const plan *p;
  float scale;
} job;

/* Scores of one query row to weights that add up to 1, or to 0 where every key is masked. */
static void softmax_row(const job *j, size_t batch, size_t head, size_t row, float *s) {
  const ek_attention_attrs *attrs = j->ctx->attrs;
  const plan *p = j->p;
  const ek_tensor *mask = ek_input(j->ctx, 3);
  const size_t mask_start = batch * p->mask_step[0] + head * p->mask_step[1] + row * p->mask_step[2];
  float top = -INFINITY;
  double sum = 0;
  for (size_t k = 0; k < p->keys; k++) {
    s[k] *= j->scale;
    if (mask != NULL) {
      s[k] += mask_value(mask, mask_start + k * p->mask_step[3]);
    }
    if (attrs->causal && (int64_t)k - (int64_t)row > attrs->causal_offset) {
      s[k] = -INFINITY;
    }
    top = s[k] > top ? s[k] : top;
  }
  for (size_t k = 0; k < p->keys; k++) {
    s[k] = top == -INFINITY ? 0.0f : expf(s[k] - top);
    sum += (double)s[k];
  }
  const float factor = sum != 0 ? (float)(1 / sum) : 0.0f;
  for (size_t k = 0; k < p->keys; k++) {
    s[k] *= factor;
  }
}

static void pack(const ek_igemm *g, const ek_tensor *t, ek_igemm_weights shape, size_t start, void *work, void *to) {
  ek_igemm_source source = ek_igemm_source_of(g, NULL, t, NULL, NULL);
  source.shape = shape;
  source.start = start;
  ek_igemm_pack(g, &source, work, to);
}

static void attention_range(void *argument, size_t begin, size_t end, uint32_t thread) {
  const job *j = argument;
  const plan *p = j->p;
  const ek_tensor *q = ek_input(j->ctx, 0), *k = ek_input(j->ctx, 1), *v = ek_input(j->ctx, 2);
  char *memory = (char *)j->ctx->scratch + thread * p->thread_bytes;
  float *block = (float *)(void *)(memory + p->block);
  size_t packed = SIZE_MAX; /* key head in the scratch */
  for (size_t i = begin; i < end; i++) {
    const size_t batch = i / p->heads, head = i % p->heads;
    const size_t key_head = batch * p->key_heads + head / (p->heads / p->key_heads);
    if (key_head != packed) {
      pack(&p->scores, k, ek_igemm_weights_nk(p->keys, p->depth), key_head * p->keys * p->depth, memory + p->work_k,
           memory + p->packed_k);
      pack(&p->values, v, ek_igemm_weights_kn(p->width, p->keys), key_head * p->keys * p->width, memory + p->work_v,
           memory + p->packed_v);
      packed = key_head;
    }
    for (size_t row = 0; row < p->rows; row += BLOCK_ROWS) {
      const size_t rows = p->rows - row < BLOCK_ROWS ? p->rows - row : BLOCK_ROWS;
      const float *from = (const float *)q->data + (i * p->rows + row) * p->depth;
      float *to = (float *)ek_output(j->ctx, 0)->data + (i * p->rows + row) * p->width;
      const ek_gemm scores = {&p->scores, from, memory + p->packed_k, block, rows, p->keys, p->depth, p->keys};
      const ek_gemm values = {&p->values, block, memory + p->packed_v, to, rows, p->width, p->keys, p->width};
      ek_gemm_run(NULL, &scores);
      for (size_t r = 0; r < rows; r++) {
        softmax_row(j, batch, head, row + r, block + r * p->keys);
      }
      ek_gemm_run(NULL, &values);
    }
  }
}

static ek_status attention_run(ek_op_context *ctx) {
  const ek_attention_attrs *attrs = ctx->attrs;
  ek_tensor *y = ek_output(ctx, 0);
  plan p;
  EK_TRY(build(ctx, &p));
  if (p.thread_bytes > *(const size_t *)ctx->state) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "there are more keys than the model allows");
  }
  if (ek_tensor_elements(y) == 0) {
    return EK_OK;
  }
  if (p.keys == 0) {
    memset(y->data, 0, ek_tensor_bytes(y));
    return EK_OK;
  }
  job j = {ctx, &p, attrs->scale};
  if (attrs->scale == 0) {
    j.scale = (float)(1 / sqrt((double)p.depth));
  }
  ek_parallel_for(ctx->pool, p.batch * p.heads, 1, attention_range, &j);
  return EK_OK;
}

const ek_op ek_op_attention = {"Attention", attention_shape, attention_prepare, attention_init, attention_run};
