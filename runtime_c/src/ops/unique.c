/* Unique: distinct slices along an axis. How many there are, only the run tells. */
#include "ek_ops_gen.h"
#include "ops/index.h"

/* x seen as [outer, count, inner]: slice i holds x[o, i, k] for all o and k. */
typedef struct slices {
  const char *data;
  ek_dtype dtype;
  size_t item;
  int64_t outer, count, inner;
} slices;

static ek_status unique_slices(ek_op_context *ctx, slices *s, uint32_t *axis) {
  const ek_unique_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  *s = (slices){x->data, x->dtype, ek_dtype_size(x->dtype), 1, ek_tensor_elements(x), 1};
  *axis = 0;
  if (!attrs->flat) {
    EK_TRY(ek_normalize_axis(ctx, attrs->axis, x->rank, axis));
    s->outer = ek_dims_product(x->dims, 0, *axis);
    s->count = x->dims[*axis];
    s->inner = ek_dims_product(x->dims, *axis + 1, x->rank);
  }
  return EK_OK;
}

#define COMPARE(type)                                                     \
  do {                                                                    \
    type p, q;                                                            \
    memcpy(&p, a, sizeof p);                                              \
    memcpy(&q, b, sizeof q);                                              \
    return p == q || (p != p && q != q) ? 0 : (p < q || q != q) ? -1 : 1; \
  } while (0)

static int compare_elements(ek_dtype dtype, const char *a, const char *b) {
  switch (dtype) {
    case EK_F32: COMPARE(float);
    case EK_I8: COMPARE(int8_t);
    case EK_U8: COMPARE(uint8_t);
    case EK_I32: COMPARE(int32_t);
    default: COMPARE(int64_t);
  }
}

static int compare_slices(const slices *s, int64_t a, int64_t b) {
  for (int64_t o = 0; o < s->outer; o++) {
    for (int64_t k = 0; k < s->inner; k++) {
      const char *base = s->data + (size_t)(o * s->count * s->inner + k) * s->item;
      const int c =
          compare_elements(s->dtype, base + (size_t)(a * s->inner) * s->item, base + (size_t)(b * s->inner) * s->item);
      if (c != 0) return c;
    }
  }
  return 0;
}

/* Whether entry a goes before entry b: by slice where there are slices, then by key (which no two entries share). */
static bool before(const slices *s, const int64_t *keys, int64_t a, int64_t b) {
  const int c = s == NULL ? 0 : compare_slices(s, a, b);
  return c != 0 ? c < 0 : keys == NULL ? a < b : keys[a] < keys[b];
}

/* Heap sort: no memory of its own, and no bad case. */
static void sort(int64_t *order, int64_t count, const slices *s, const int64_t *keys) {
  int64_t end = count, start = count / 2;
  while (end > 1) {
    if (start > 0) {
      start--;
    } else {
      end--;
      const int64_t last = order[end];
      order[end] = order[0];
      order[0] = last;
    }
    int64_t root = start;
    for (int64_t child; (child = 2 * root + 1) < end; root = child) {
      if (child + 1 < end && before(s, keys, order[child], order[child + 1])) child++;
      if (!before(s, keys, order[root], order[child])) break;
      const int64_t swap = order[root];
      order[root] = order[child];
      order[child] = swap;
    }
  }
}

static ek_status unique_shape(ek_op_context *ctx) {
  slices s;
  uint32_t axis;
  EK_TRY(unique_slices(ctx, &s, &axis));
  return EK_SHAPE_NOT_YET;
}

static ek_status unique_prepare(ek_op_context *ctx, ek_op_memory *memory) {
  slices s;
  uint32_t axis;
  EK_TRY(unique_slices(ctx, &s, &axis));
  if ((uint64_t)s.count > SIZE_MAX / (4 * sizeof(int64_t))) return ek_op_fail(ctx, EK_ERR_SHAPE, "too many slices");
  memory->scratch_bytes = (size_t)s.count * 4 * sizeof(int64_t);
  return EK_OK;
}

static ek_status unique_run(ek_op_context *ctx) {
  const ek_unique_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0);
  slices s;
  uint32_t axis;
  EK_TRY(unique_slices(ctx, &s, &axis));
  const int64_t n = s.count;
  int64_t *order = ctx->scratch, *first = order + n, *by_first = first + n, *rank = by_first + n, groups = 0;
  for (int64_t i = 0; i < n; i++) order[i] = i;
  sort(order, n, &s, NULL);
  for (int64_t k = 0; k < n; k++) {
    if (k == 0 || compare_slices(&s, order[k - 1], order[k]) != 0) first[groups++] = order[k];
  }
  for (int64_t g = 0; g < groups; g++) by_first[g] = g;
  if (!attrs->sorted) sort(by_first, groups, NULL, first);
  for (int64_t i = 0; i < groups; i++) rank[by_first[i]] = i;

  int64_t dims[EK_MAX_RANK];
  memcpy(dims, x->dims, sizeof dims);
  dims[axis] = groups;
  EK_TRY(ek_set_run_dims(ctx, ek_output(ctx, 0), attrs->flat ? 1 : x->rank, dims));
  EK_TRY(ek_set_run_dims(ctx, ek_output(ctx, 1), 1, &groups));
  EK_TRY(ek_set_run_dims(ctx, ek_output(ctx, 2), 1, &n));
  EK_TRY(ek_set_run_dims(ctx, ek_output(ctx, 3), 1, &groups));
  char *y = ek_output(ctx, 0)->data;
  int64_t *indices = ek_output(ctx, 1)->data, *inverse = ek_output(ctx, 2)->data, *counts = ek_output(ctx, 3)->data;
  const size_t run = (size_t)s.inner * s.item;
  for (int64_t g = 0; g < groups; g++) {
    indices[rank[g]] = first[g];
    counts[rank[g]] = 0;
    for (int64_t o = 0; o < s.outer; o++) {
      memcpy(y + (size_t)(o * groups + rank[g]) * run, s.data + (size_t)(o * n + first[g]) * run, run);
    }
  }
  for (int64_t k = 0, g = -1; k < n; k++) {
    g += g + 1 < groups && order[k] == first[g + 1] ? 1 : 0;
    inverse[order[k]] = rank[g];
    counts[rank[g]]++;
  }
  return EK_OK;
}

const ek_op ek_op_unique = {"Unique", unique_shape, unique_prepare, NULL, unique_run};
