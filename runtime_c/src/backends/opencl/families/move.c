/* Operators that move elements: each is a few strided copies of one kernel. */
#include <string.h>

#include "backends/opencl/families/families.h"

#define MAX_DIMS (2 * EK_MAX_RANK + 1)

/* Element (i0, i1, ...) goes from x_at + sum(i * x[]) to y_at + sum(i * y[]), all in bytes. */
typedef struct block {
  uint32_t rank;
  int64_t dims[MAX_DIMS], x[MAX_DIMS], y[MAX_DIMS];
  int64_t x_at, y_at;
} block;

static void add_dim(block *m, int64_t dim, int64_t x, int64_t y) {
  m->dims[m->rank] = dim;
  m->x[m->rank] = x;
  m->y[m->rank++] = y;
}

static void byte_strides(const ek_tensor *t, int64_t *strides) {
  int64_t step = (int64_t)ek_dtype_size(t->dtype);
  for (uint32_t i = t->rank; i-- > 0; step *= t->dims[i]) strides[i] = step;
}

/* Drops dimensions of 1 and joins those that both sides walk through without a gap. False where nothing is to be moved. */
static bool merge(block *m) {
  block out = {.x_at = m->x_at, .y_at = m->y_at};
  for (uint32_t i = 0; i < m->rank; i++) {
    if (m->dims[i] == 0) return false;
    if (m->dims[i] == 1) continue;
    if (out.rank != 0 && out.x[out.rank - 1] == m->x[i] * m->dims[i] && out.y[out.rank - 1] == m->y[i] * m->dims[i]) {
      out.dims[out.rank - 1] *= m->dims[i];
      out.x[out.rank - 1] = m->x[i];
      out.y[out.rank - 1] = m->y[i];
    } else {
      add_dim(&out, m->dims[i], m->x[i], m->y[i]);
    }
  }
  *m = out;
  return true;
}

/* The largest element all offsets and strides are multiples of. The innermost dimension is bytes, walked one by one. */
static int64_t choose_unit(const block *m) {
  for (int64_t unit = 16; unit > 1; unit /= 2) {
    bool fits = m->x_at % unit == 0 && m->y_at % unit == 0 && m->dims[m->rank - 1] % unit == 0;
    for (uint32_t i = 0; i + 1 < m->rank && fits; i++) fits = m->x[i] % unit == 0 && m->y[i] % unit == 0;
    if (fits) return unit;
  }
  return 1;
}

static bool is_on_itself(const ek_cl_build *b, const ek_tensor *x, const ek_tensor *y, const block *m) {
  const ek_exec_graph *g = b->s->graph;
  if (x->is_constant || m->rank != 1) return false;
  return (int64_t)g->spec->tensors[x - g->tensors].arena_offset + m->x_at ==
         (int64_t)g->spec->tensors[y - g->tensors].arena_offset + m->y_at;
}

static ek_status emit(ek_cl_build *b, const ek_tensor *x, const ek_tensor *y, block m) {
  static const char *const names[] = {"move_1", "move_2", "move_4", "move_8", "move_16"};
  ek_cl_int8 dims = {{1, 1, 1, 1, 1, 1, 1, 1}}, from = {{0}}, to = {{0}};
  const int64_t item = (int64_t)ek_dtype_size(x->dtype);
  int64_t count = 1;
  uint32_t name = 0;
  add_dim(&m, item, 1, 1);
  if (!merge(&m)) return b->status;
  if (m.rank == 0 || m.x[m.rank - 1] != 1 || m.y[m.rank - 1] != 1) add_dim(&m, 1, 1, 1);
  if (is_on_itself(b, x, y, &m)) {
    b->kernel_name = "shared memory";
    return b->status;
  }
  const int64_t unit = choose_unit(&m);
  while (INT64_C(1) << name < unit) name++;
  if (m.rank > 8) return ek_cl_decline(b, "a copy that does not come down to 8 dimensions");
  m.dims[m.rank - 1] /= unit;
  for (uint32_t i = 0; i < m.rank; i++) {
    const uint32_t at = 8 - m.rank + i;
    const bool last = i + 1 == m.rank;
    dims.s[at] = (int32_t)m.dims[i];
    from.s[at] = last ? 1 : (int32_t)(m.x[i] / unit);
    to.s[at] = last ? 1 : (int32_t)(m.y[i] / unit);
    count *= m.dims[i];
  }
  ek_cl_begin(b, EK_CL_FILE_MOVE, names[name]);
  ek_cl_arg_tensor_at(b, x, (uint64_t)m.x_at);
  ek_cl_arg_tensor_at(b, y, (uint64_t)m.y_at);
  ek_cl_arg_int(b, count);
  ek_cl_arg_int(b, m.rank);
  ek_cl_arg_ints8(b, &dims);
  ek_cl_arg_ints8(b, &from);
  ek_cl_arg_ints8(b, &to);
  return ek_cl_end(b, count, 1, 1);
}

static ek_status build_copy(ek_cl_build *b) {
  const ek_tensor *x = ek_input(b->ctx, 0);
  block m = {0};
  const int64_t item = (int64_t)ek_dtype_size(x->dtype);
  add_dim(&m, ek_tensor_elements(x), item, item);
  return emit(b, x, ek_output(b->ctx, 0), m);
}

static ek_status build_transpose(ek_cl_build *b) {
  const ek_transpose_attrs *attrs = b->ctx->attrs;
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  int64_t xs[EK_MAX_RANK], ys[EK_MAX_RANK];
  block m = {0};
  byte_strides(x, xs);
  byte_strides(y, ys);
  for (uint32_t i = 0; i < x->rank; i++) {
    add_dim(&m, y->dims[i], xs[attrs->perm.count != 0 ? attrs->perm.data[i] : (int64_t)(x->rank - 1 - i)], ys[i]);
  }
  return emit(b, x, y, m);
}

static int64_t bytes_behind(const ek_tensor *t, uint32_t axis) {
  int64_t bytes = (int64_t)ek_dtype_size(t->dtype);
  for (uint32_t i = axis + 1; i < t->rank; i++) bytes *= t->dims[i];
  return bytes;
}

static int64_t dims_before(const ek_tensor *t, uint32_t axis) {
  int64_t n = 1;
  for (uint32_t i = 0; i < axis; i++) n *= t->dims[i];
  return n;
}

/* Concat and Split: `part` is a range of `whole` along the axis. */
static ek_status emit_part(ek_cl_build *b, const ek_tensor *part, const ek_tensor *whole, uint32_t axis, int64_t at,
                           bool out_of_whole) {
  const int64_t item = (int64_t)ek_dtype_size(part->dtype), run = part->dims[axis] * bytes_behind(part, axis);
  const int64_t row = whole->dims[axis] * bytes_behind(whole, axis);
  block m = {0};
  add_dim(&m, dims_before(part, axis), out_of_whole ? row : run, out_of_whole ? run : row);
  add_dim(&m, run / item, item, item);
  *(out_of_whole ? &m.x_at : &m.y_at) = at;
  return out_of_whole ? emit(b, whole, part, m) : emit(b, part, whole, m);
}

static ek_status build_parts(ek_cl_build *b, bool split) {
  const ek_any_attrs *attrs = b->ctx->attrs;
  const ek_tensor *whole = split ? ek_input(b->ctx, 0) : ek_output(b->ctx, 0);
  const uint32_t count = split ? b->ctx->output_count : b->ctx->input_count;
  uint32_t axis = 0;
  int64_t at = 0;
  EK_TRY(ek_normalize_axis(b->ctx, split ? attrs->split.axis : attrs->concat.axis, whole->rank, &axis));
  for (uint32_t i = 0; i < count; i++) {
    const ek_tensor *part = split ? ek_output(b->ctx, i) : ek_input(b->ctx, i);
    if (part != NULL) {
      EK_TRY(emit_part(b, part, whole, axis, at, split));
      at += part->dims[axis] * bytes_behind(part, axis);
    } else if (split) {
      at += attrs->split.sizes.data[i] * bytes_behind(whole, axis);
    }
  }
  return b->status;
}

static bool read_constant_ints(ek_cl_build *b, uint32_t input, int64_t *values, uint32_t *count) {
  const ek_tensor *t = ek_input(b->ctx, input);
  return t != NULL && t->is_constant && ek_read_ints(b->ctx, t, values, 2 * EK_MAX_RANK, count) == EK_OK;
}

/* A position counted from the front and held to [low, high]. */
static int64_t limited(int64_t at, int64_t dim, int64_t low, int64_t high) {
  if (at < 0) at = at < -dim ? -1 : at + dim;
  return at < low ? low : at > high ? high : at;
}

static ek_status build_slice(ek_cl_build *b) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  int64_t starts[2 * EK_MAX_RANK], axes[2 * EK_MAX_RANK], steps[2 * EK_MAX_RANK], xs[EK_MAX_RANK], ys[EK_MAX_RANK];
  uint32_t n = 0, unused = 0;
  block m = {0};
  if (!read_constant_ints(b, 1, starts, &n) ||
      (ek_input(b->ctx, 3) != NULL && !read_constant_ints(b, 3, axes, &unused)) ||
      (ek_input(b->ctx, 4) != NULL && !read_constant_ints(b, 4, steps, &unused))) {
    return ek_cl_decline(b, "positions that are no constants");
  }
  byte_strides(x, xs);
  byte_strides(y, ys);
  for (uint32_t i = 0; i < x->rank; i++) add_dim(&m, y->dims[i], xs[i], ys[i]);
  for (uint32_t k = 0; k < n; k++) {
    uint32_t a = 0;
    EK_TRY(ek_normalize_axis(b->ctx, ek_input(b->ctx, 3) != NULL ? axes[k] : (int64_t)k, x->rank, &a));
    const int64_t step = ek_input(b->ctx, 4) != NULL ? steps[k] : 1, dim = x->dims[a];
    const int64_t start = step > 0 ? limited(starts[k], dim, 0, dim) : limited(starts[k], dim, -1, dim - 1);
    if (y->dims[a] == 0) continue;
    m.x_at += start * xs[a];
    m.x[a] = y->dims[a] > 1 ? step * xs[a] : xs[a];
  }
  return emit(b, x, y, m);
}

static ek_status build_tile(ek_cl_build *b) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  int64_t xs[EK_MAX_RANK], ys[EK_MAX_RANK];
  block m = {0};
  byte_strides(x, xs);
  byte_strides(y, ys);
  for (uint32_t i = 0; i < x->rank; i++) {
    add_dim(&m, x->dims[i] != 0 ? y->dims[i] / x->dims[i] : 0, 0, ys[i] * x->dims[i]);
    add_dim(&m, x->dims[i], xs[i], ys[i]);
  }
  return emit(b, x, y, m);
}

static ek_status build_expand(ek_cl_build *b) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  int64_t xs[EK_MAX_RANK], ys[EK_MAX_RANK];
  const uint32_t missing = y->rank - x->rank;
  block m = {0};
  byte_strides(x, xs);
  byte_strides(y, ys);
  for (uint32_t i = 0; i < y->rank; i++) {
    add_dim(&m, y->dims[i], i < missing || x->dims[i - missing] == 1 ? 0 : xs[i - missing], ys[i]);
  }
  return emit(b, x, y, m);
}

/* `deep` has the blocks in its channels, `wide` in its positions. crd: channel = (depth, row, column), else (row, column, depth). */
static ek_status emit_blocks(ek_cl_build *b, const ek_tensor *deep, const ek_tensor *wide, int64_t size, bool crd,
                             bool nhwc, bool to_wide) {
  const uint32_t c = nhwc ? 3 : 1, h = nhwc ? 1 : 2, w = h + 1;
  int64_t ds[EK_MAX_RANK], ws[EK_MAX_RANK];
  byte_strides(deep, ds);
  byte_strides(wide, ws);
  const int64_t depth = wide->dims[c];
  const int64_t dims[6] = {deep->dims[0], deep->dims[h], size, deep->dims[w], size, depth};
  const int64_t in_deep[6] = {ds[0],
                              ds[h],
                              ds[c] * (crd ? size : size * depth),
                              ds[w],
                              ds[c] * (crd ? 1 : depth),
                              ds[c] * (crd ? size * size : 1)};
  const int64_t in_wide[6] = {ws[0], ws[h] * size, ws[h], ws[w] * size, ws[w], ws[c]};
  static const uint8_t orders[2][6] = {{0, 5, 1, 2, 3, 4}, {0, 1, 2, 3, 4, 5}};
  block m = {0};
  for (uint32_t i = 0; i < 6; i++) {
    const uint8_t k = orders[nhwc][i];
    add_dim(&m, dims[k], to_wide ? in_deep[k] : in_wide[k], to_wide ? in_wide[k] : in_deep[k]);
  }
  return to_wide ? emit(b, deep, wide, m) : emit(b, wide, deep, m);
}

ek_status ek_cl_build_move(ek_cl_build *b) {
  const ek_any_attrs *a = b->ctx->attrs;
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  switch (b->op_id) {
    case EK_OP_TRANSPOSE: return build_transpose(b);
    case EK_OP_CONCAT: return build_parts(b, false);
    case EK_OP_SPLIT: return build_parts(b, true);
    case EK_OP_SLICE: return build_slice(b);
    case EK_OP_TILE: return build_tile(b);
    case EK_OP_EXPAND: return build_expand(b);
    case EK_OP_DEPTH_TO_SPACE:
      return emit_blocks(b, x, y, a->depth_to_space.block_size, a->depth_to_space.mode == EK_DEPTH_TO_SPACE_MODE_CRD,
                         a->depth_to_space.layout == EK_DEPTH_TO_SPACE_LAYOUT_NHWC, true);
    case EK_OP_SPACE_TO_DEPTH:
      return emit_blocks(b, y, x, a->space_to_depth.block_size, false,
                         a->space_to_depth.layout == EK_SPACE_TO_DEPTH_LAYOUT_NHWC, false);
    default: return build_copy(b);
  }
}

/* ---- Pad with a value: fill everything, then copy what is kept ---- */

static void emit_fill(ek_cl_build *b, const ek_tensor *y, const int32_t *value) {
  static const char *const names[] = {"fill_1", "fill_2", "fill_4", "fill_8"};
  const size_t item = ek_dtype_size(y->dtype);
  ek_cl_begin(b, EK_CL_FILE_MOVE, names[item == 1 ? 0 : item == 2 ? 1 : item == 4 ? 2 : 3]);
  ek_cl_arg_tensor(b, y);
  ek_cl_arg_int(b, ek_tensor_elements(y));
  ek_cl_arg_int2(b, value[0], value[1]);
  (void)ek_cl_end(b, ek_tensor_elements(y), 1, 1);
}

/* The element to pad with, as bits. */
static ek_status read_fill(ek_cl_build *b, const ek_tensor *x, const ek_tensor *value, int32_t *bits) {
  bits[0] = bits[1] = 0;
  if (value != NULL) {
    if (!value->is_constant) return ek_cl_decline(b, "a value that is no constant");
    memcpy(bits, value->data, ek_dtype_size(x->dtype));
  } else if (x->quant != NULL && ek_dtype_size(x->dtype) <= 4) {
    bits[0] = x->quant->zero_point[0];
  }
  return EK_OK;
}

/* The amounts of every axis. */
static ek_status read_pads(ek_cl_build *b, int64_t *before, int64_t *after) {
  const ek_tensor *x = ek_input(b->ctx, 0);
  int64_t pads[2 * EK_MAX_RANK], axes[2 * EK_MAX_RANK];
  uint32_t n = 0, axis_count = x->rank;
  if (!read_constant_ints(b, 1, pads, &n) ||
      (ek_input(b->ctx, 3) != NULL && !read_constant_ints(b, 3, axes, &axis_count))) {
    return ek_cl_decline(b, "pads that are no constants");
  }
  for (uint32_t i = 0; i < EK_MAX_RANK; i++) before[i] = after[i] = 0;
  for (uint32_t k = 0; k < axis_count && n == 2 * axis_count; k++) {
    uint32_t a = 0;
    EK_TRY(ek_normalize_axis(b->ctx, ek_input(b->ctx, 3) != NULL ? axes[k] : (int64_t)k, x->rank, &a));
    before[a] = pads[k];
    after[a] = pads[axis_count + k];
  }
  return EK_OK;
}

ek_status ek_cl_build_pad(ek_cl_build *b) {
  const ek_pad_attrs *attrs = b->ctx->attrs;
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  int64_t before[EK_MAX_RANK], after[EK_MAX_RANK], xs[EK_MAX_RANK], ys[EK_MAX_RANK];
  int32_t bits[2];
  block m = {0};
  EK_TRY(read_pads(b, before, after));
  if (attrs->mode != EK_PAD_MODE_CONSTANT) return ek_cl_build_pad_repeat(b, before, after, attrs->mode);
  EK_TRY(read_fill(b, x, ek_input(b->ctx, 2), bits));
  byte_strides(x, xs);
  byte_strides(y, ys);
  for (uint32_t a = 0; a < x->rank; a++) {
    const int64_t cut_before = before[a] < 0 ? -before[a] : 0, cut_after = after[a] < 0 ? -after[a] : 0;
    const int64_t kept = x->dims[a] - cut_before - cut_after;
    add_dim(&m, kept < 0 ? 0 : kept, xs[a], ys[a]);
    m.x_at += cut_before * xs[a];
    m.y_at += (before[a] > 0 ? before[a] : 0) * ys[a];
  }
  emit_fill(b, y, bits);
  return emit(b, x, y, m);
}
