/* NonMaxSuppression: boxes by score, class by class, without those that overlap a chosen one too much.
 *
 * Scratch holds the candidates of one class as (score key, index) pairs, and the chosen ones. All comparisons are float32,
 * each operation rounded once, so the choice is the same on every CPU. */
#include "base/sizes.h"
#include "ek_ops_gen.h"
#include "ops/boxes.h"
#include "ops/index.h"
#include "ops/order.h"

typedef struct nms_candidate {
  uint64_t key;
  int64_t index;
} nms_candidate;

static ek_status check_inputs(ek_op_context *ctx) {
  const ek_tensor *boxes = ek_input(ctx, 0), *scores = ek_input(ctx, 1);
  if (boxes->rank != 3 || scores->rank != 3 || boxes->dims[2] != 4 || boxes->dims[0] != scores->dims[0] ||
      boxes->dims[1] != scores->dims[2]) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "boxes [batch, n, 4] and scores [batch, classes, n] are needed");
  }
  for (uint32_t i = 2; i < 5; i++) {
    if (ek_input(ctx, i) != NULL && ek_tensor_elements(ek_input(ctx, i)) != 1) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "input %u must be one element", i);
    }
  }
  return EK_OK;
}

static ek_status nms_shape(ek_op_context *ctx) {
  EK_TRY(check_inputs(ctx));
  return EK_SHAPE_NOT_YET;
}

static ek_status nms_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  EK_TRY(check_inputs(ctx));
  const size_t n = (size_t)ek_input(ctx, 0)->dims[1];
  memory->scratch_bytes = ek_mul_size(n, sizeof(nms_candidate) + sizeof(int64_t));
  return EK_OK;
}

static ek_box box_at(const float *b, bool center) {
  if (!center) return ek_box_between(b);
  const float half_w = b[2] / 2.0f, half_h = b[3] / 2.0f;
  return (ek_box){{b[1] - half_h, b[0] - half_w}, {b[1] + half_h, b[0] + half_w}};
}

static bool is_before(const nms_candidate *a, const nms_candidate *b) {
  return a->key != b->key ? a->key > b->key : a->index < b->index;
}

static void sink(nms_candidate *heap, int64_t at, int64_t count, nms_candidate entry) {
  for (;;) {
    int64_t child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && is_before(&heap[child + 1], &heap[child])) child++;
    if (is_before(&entry, &heap[child])) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = entry;
}

/* Chooses among the boxes of one class; returns how many. A heap gives the candidates best first, only as far as needed. */
static int64_t choose(const float *boxes, const float *scores, int64_t n, int64_t most, float iou,
                      const float *score_threshold, bool center, nms_candidate *heap, int64_t *chosen) {
  int64_t count = 0, picked = 0;
  for (int64_t i = 0; i < n; i++) {
    if (score_threshold != NULL && !(scores[i] > *score_threshold)) continue;
    /* NaN, possible without a threshold, goes last */
    heap[count++] = (nms_candidate){scores[i] != scores[i] ? 0 : ek_order_of_float(scores[i]), i};
  }
  for (int64_t i = count / 2; i-- > 0;) sink(heap, i, count, heap[i]);
  while (count > 0 && picked < most) {
    const int64_t best = heap[0].index;
    count--;
    if (count > 0) sink(heap, 0, count, heap[count]);
    const ek_box box = box_at(boxes + 4 * best, center);
    bool keep = true;
    for (int64_t i = 0; i < picked && keep; i++)
      keep = !ek_boxes_overlap(box, box_at(boxes + 4 * chosen[i], center), iou);
    if (keep) chosen[picked++] = best;
  }
  return picked;
}

static ek_status nms_run(ek_op_context *ctx) {
  const ek_non_max_suppression_attrs *attrs = ctx->attrs;
  const ek_tensor *boxes = ek_input(ctx, 0), *scores = ek_input(ctx, 1);
  ek_tensor *y = ek_output(ctx, 0);
  const int64_t batches = scores->dims[0], classes = scores->dims[1], n = scores->dims[2];
  const float iou = ek_input(ctx, 3) != NULL ? *(const float *)ek_input(ctx, 3)->data : 0.0f;
  const float *score_threshold = ek_input(ctx, 4) != NULL ? ek_input(ctx, 4)->data : NULL;
  int64_t most = 0;
  EK_TRY(ek_scalar_int(ctx, ek_input(ctx, 2), 0, &most));
  if ((size_t)n > ctx->scratch_bytes / (sizeof(nms_candidate) + sizeof(int64_t))) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "%lld boxes are more than the file declares", (long long)n);
  }
  nms_candidate *heap = ctx->scratch;
  int64_t *chosen = (int64_t *)(heap + n), *out = y->data;
  const int64_t room = (int64_t)(y->capacity / (3 * sizeof *out));
  int64_t total = 0;
  for (int64_t b = 0; b < batches; b++) {
    for (int64_t c = 0; c < classes; c++) {
      const int64_t picked =
          choose((const float *)boxes->data + b * n * 4, (const float *)scores->data + (b * classes + c) * n, n, most,
                 iou, score_threshold, attrs->center_point_box, heap, chosen);
      if (picked > room - total) {
        return ek_op_fail(ctx, EK_ERR_SHAPE, "the result has more boxes than the memory plan provides for");
      }
      for (int64_t i = 0; i < picked; i++) {
        int64_t *row = out + 3 * total++;
        row[0] = b;
        row[1] = c;
        row[2] = chosen[i];
      }
    }
  }
  const int64_t dims[2] = {total, 3};
  return ek_set_run_dims(ctx, y, 2, dims);
}

const ek_op ek_op_non_max_suppression = {"NonMaxSuppression", nms_shape, nms_prepare, NULL, nms_run};
