/* FullyConnected: rows of x times packed weights. */
#include <string.h>

#include "ek_ops_gen.h"
#include "ops/linear/igemm.h"

typedef struct plan {
  ek_igemm g;
  size_t packed, work; /* offsets in the state, or in the scratch when packing in run */
  bool pack_in_run;
  size_t state_bytes, scratch_bytes;
} plan;

static ek_status fully_connected_shape(ek_op_context *ctx) {
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1), *b = ek_input(ctx, 2);
  int64_t dims[EK_MAX_RANK];
  if (x->rank < 1 || w->rank != 2 || x->dims[x->rank - 1] != w->dims[1]) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "weights of shape [N, K] and an input of [..., K] are needed");
  }
  if (b != NULL && (b->rank != 1 || b->dims[0] != w->dims[0])) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a bias of shape [%lld] is needed", (long long)w->dims[0]);
  }
  memcpy(dims, x->dims, sizeof dims);
  dims[x->rank - 1] = w->dims[0];
  return ek_set_dims(ctx, ek_output(ctx, 0), x->rank, dims);
}

static ek_status build(ek_op_context *ctx, plan *p) {
  const ek_fully_connected_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1), *b = ek_input(ctx, 2);
  const size_t n = (size_t)w->dims[0], k = (size_t)w->dims[1];
  memset(p, 0, sizeof *p);
  EK_TRY(ek_igemm_choose(ctx, x, w, b, ek_output(ctx, 0), n, 1, k, attrs->clamp_min, attrs->clamp_max, &p->g));
  if (k == 0 || !ek_gemm_fits(&p->g, k)) {
    return ek_op_fail(ctx, EK_ERR_UNSUPPORTED, "rows of %zu elements", k);
  }
  p->pack_in_run = !w->is_constant || (b != NULL && !b->is_constant);
  size_t state = 0, scratch = 0;
  (void)ek_place(&state, sizeof *p);
  if (p->g.qs8 != NULL) {
    ek_fixed_plan(ctx, attrs->requantize, n, p->g.zero_point, p->g.qmin, p->g.qmax, &state, &p->g.fixed);
  }
  size_t *where = p->pack_in_run ? &scratch : &state;
  p->packed = ek_place(where, ek_igemm_packed_size(&p->g, n));
  p->work = ek_place(where, ek_igemm_pack_scratch(&p->g, w, false));
  p->state_bytes = state;
  p->scratch_bytes = scratch;
  if (state == SIZE_MAX || scratch == SIZE_MAX) {
    return ek_op_fail(ctx, EK_ERR_OUT_OF_MEMORY, "the weights are too large");
  }
  return EK_OK;
}

static ek_status fully_connected_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  plan p;
  EK_TRY(build(ctx, &p));
  memory->state_bytes = p.state_bytes;
  memory->scratch_bytes = p.scratch_bytes;
  memory->kernel = p.g.name;
  return EK_OK;
}

static void pack(ek_op_context *ctx, const plan *p, char *memory) {
  const ek_tensor *w = ek_input(ctx, 1);
  ek_igemm_source source = ek_igemm_source_of(&p->g, ek_input(ctx, 0), w, ek_input(ctx, 2), ek_output(ctx, 0));
  source.shape = ek_igemm_weights_nk((size_t)w->dims[0], (size_t)w->dims[1]);
  ek_igemm_pack(&p->g, &source, memory + p->work, memory + p->packed);
}

static ek_status fully_connected_init(ek_op_context *ctx) {
  plan *p = ctx->state;
  EK_TRY(build(ctx, p));
  if (p->g.fixed.row != NULL) {
    const ek_tensor *w = ek_input(ctx, 1);
    ek_fixed_fill(&p->g.fixed, ek_input(ctx, 0), w, ek_output(ctx, 0), ctx->state, (size_t)w->dims[0]);
  }
  if (!p->pack_in_run) {
    pack(ctx, p, ctx->state);
  }
  return EK_OK;
}

static ek_status fully_connected_run(ek_op_context *ctx) {
  const plan *p = ctx->state;
  const ek_tensor *x = ek_input(ctx, 0), *w = ek_input(ctx, 1);
  plan now;
  if (p->pack_in_run) {
    const size_t provided = p->scratch_bytes;
    EK_TRY(build(ctx, &now)); /* computed weights may come in another size */
    if (now.scratch_bytes > provided) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "the weights are larger than the model allows");
    }
    p = &now;
    pack(ctx, p, ctx->scratch);
  }
  const size_t n = (size_t)w->dims[0], k = (size_t)w->dims[1];
  const char *packed = (const char *)(p->pack_in_run ? ctx->scratch : ctx->state) + p->packed;
  const ek_gemm gemm = {
      &p->g, x->data, packed, ek_output(ctx, 0)->data, (size_t)(ek_tensor_elements(x) / (int64_t)k), n, k, n, 0};
  ek_gemm_run(ctx->pool, &gemm);
  return EK_OK;
}

const ek_op ek_op_fully_connected = {"FullyConnected", fully_connected_shape, fully_connected_prepare,
                                     fully_connected_init, fully_connected_run};
