/* If: one of two subgraphs runs on the captured values. */
#include "ek_ops_gen.h"
#include "ops/op.h"

static ek_status check_branch(ek_op_context *ctx, int32_t graph) {
  const ek_subgraph_api *api = ctx->subgraphs;
  if (api->input_count(api->session, graph) != ctx->input_count - 1 ||
      api->output_count(api->session, graph) != ctx->output_count) {
    return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "a branch takes or gives another number of values");
  }
  for (uint32_t i = 0; i + 1 < ctx->input_count; i++) {
    if (api->input(api->session, graph, i)->dtype != ctx->inputs[i + 1]->dtype) {
      return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "a branch takes another element type for value %u", i);
    }
  }
  for (uint32_t i = 0; i < ctx->output_count; i++) {
    if (api->output(api->session, graph, i)->dtype != ctx->outputs[i]->dtype) {
      return ek_op_fail(ctx, EK_ERR_BAD_MODEL, "a branch gives another element type for output %u", i);
    }
  }
  return EK_OK;
}

static ek_status if_shape(ek_op_context *ctx) {
  const ek_if_attrs *attrs = ctx->attrs;
  if (ek_tensor_elements(ctx->inputs[0]) != 1) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the condition must have one element");
  }
  EK_TRY(check_branch(ctx, attrs->then_graph));
  EK_TRY(check_branch(ctx, attrs->else_graph));
  return EK_SHAPE_NOT_YET;
}

static ek_status if_run(ek_op_context *ctx) {
  const ek_if_attrs *attrs = ctx->attrs;
  const ek_subgraph_api *api = ctx->subgraphs;
  const int32_t graph = *(const uint8_t *)ctx->inputs[0]->data != 0 ? attrs->then_graph : attrs->else_graph;
  for (uint32_t i = 0; i + 1 < ctx->input_count; i++) {
    EK_TRY(api->set_input(api->session, graph, i, ctx->inputs[i + 1], ctx->error));
  }
  EK_TRY(api->execute(api->session, graph, ctx->error));
  for (uint32_t i = 0; i < ctx->output_count; i++) {
    EK_TRY(api->get_output(api->session, graph, i, ctx->outputs[i], ctx->error));
  }
  return EK_OK;
}

const ek_op ek_op_if = {"If", if_shape, NULL, NULL, if_run};
