/* Resize from the CPU's own tables: one kernel for up to two resized axes. */
#include "backends/opencl/families/families.h"
#include "base/sizes.h"
#include "ops/resize_table.h"

typedef struct resize_axis {
  ek_resize_axis axis;
  uint32_t at;
  int64_t taps;
  int32_t *index;
  float *weight;
} resize_axis;

typedef struct resize_form {
  resize_axis axes[2]; /* ascending; unused ones keep their single element */
  uint32_t count;
} resize_form;

static bool is_known(const ek_tensor *t) { return t == NULL || t->is_constant; }

static ek_resize_axis axis_of(const ek_cl_build *b, uint32_t i) {
  const ek_tensor *scales = ek_input(b->ctx, 2);
  const int64_t in = ek_input(b->ctx, 0)->dims[i], out = ek_output(b->ctx, 0)->dims[i];
  const double scale = scales != NULL ? ek_resize_scale(in, out, ((const float *)scales->data)[i]) : 0.0;
  return (ek_resize_axis){in, out, scale, 0.0, 1.0};
}

static ek_status read_axes(ek_cl_build *b, resize_form *f) {
  const ek_resize_attrs *attrs = b->ctx->attrs;
  const ek_tensor *x = ek_input(b->ctx, 0);
  f->count = 0;
  for (uint32_t i = 0; i < x->rank; i++) {
    const ek_resize_axis a = axis_of(b, i);
    if (a.in == a.out && (a.scale == 0.0 || a.scale == 1.0)) continue;
    if (f->count == 2) return ek_cl_decline(b, "more than two resized axes");
    f->axes[f->count] = (resize_axis){.axis = a, .at = i, .taps = ek_resize_taps(attrs, &a)};
    if (f->axes[f->count].taps == 0) return ek_cl_decline(b, "an axis that shrinks too much for antialias");
    f->count++;
  }
  for (uint32_t i = f->count; i < 2; i++)
    f->axes[i] = (resize_axis){.axis = {1, 1, 0.0, 0.0, 1.0}, .at = x->rank, .taps = 1};
  return EK_OK;
}

static void make_table(ek_cl_build *b, bool used, resize_axis *a) {
  const size_t n = ek_mul_size((size_t)a->axis.out, (size_t)a->taps);
  a->index = ek_cl_temporary(b, ek_mul_size(n + 1, sizeof *a->index));
  a->weight = ek_cl_temporary(b, ek_mul_size(n + 1, sizeof *a->weight));
  if (a->index == NULL || a->weight == NULL) return;
  a->index[0] = 0;
  a->weight[0] = 1.0f;
  if (used) (void)ek_resize_make_table(b->ctx->attrs, &a->axis, a->taps, a->index, a->weight);
}

static int64_t product(const ek_tensor *t, uint32_t from, uint32_t to) {
  int64_t n = 1;
  for (uint32_t i = from; i < to && i < t->rank; i++) n *= t->dims[i];
  return n;
}

static const char *kernel_of(const ek_tensor *x) {
  return x->dtype == EK_F32 ? "resize_f32" : x->dtype == EK_I8 ? "resize_i8" : x->dtype == EK_U8 ? "resize_u8" : NULL;
}

static ek_status emit_nearest(ek_cl_build *b, const resize_form *f) {
  ek_cl_taken axes[2];
  for (uint32_t i = 0; i < 2; i++)
    axes[i] = (ek_cl_taken){f->axes[i].at, f->axes[i].axis.in, f->axes[i].axis.out, f->axes[i].index};
  return ek_cl_emit_taken(b, axes);
}

static ek_status emit(ek_cl_build *b, const resize_form *f, const char *kernel) {
  const ek_tensor *x = ek_input(b->ctx, 0), *y = ek_output(b->ctx, 0);
  const int64_t elements = ek_tensor_elements(y);
  ek_cl_begin(b, EK_CL_FILE_RESIZE, kernel);
  ek_cl_arg_tensor(b, x);
  ek_cl_arg_tensor(b, y);
  ek_cl_arg_int(b, elements);
  ek_cl_arg_int(b, f->axes[0].axis.in);
  ek_cl_arg_int(b, f->axes[0].axis.out);
  ek_cl_arg_int(b, product(x, f->axes[0].at + 1, f->axes[1].at));
  ek_cl_arg_int(b, f->axes[1].axis.in);
  ek_cl_arg_int(b, f->axes[1].axis.out);
  ek_cl_arg_int(b, product(x, f->axes[1].at + 1, x->rank));
  for (uint32_t i = 0; i < 2; i++) {
    const size_t n = ek_mul_size((size_t)f->axes[i].axis.out, (size_t)f->axes[i].taps);
    ek_cl_arg_data(b, f->axes[i].index, n * sizeof *f->axes[i].index);
  }
  for (uint32_t i = 0; i < 2; i++) {
    const size_t n = ek_mul_size((size_t)f->axes[i].axis.out, (size_t)f->axes[i].taps);
    ek_cl_arg_data(b, f->axes[i].weight, n * sizeof *f->axes[i].weight);
  }
  ek_cl_arg_int(b, f->axes[0].taps);
  ek_cl_arg_int(b, f->axes[1].taps);
  return ek_cl_end(b, elements, 1, 1);
}

ek_status ek_cl_build_resize(ek_cl_build *b) {
  const ek_resize_attrs *attrs = b->ctx->attrs;
  const bool nearest = attrs->mode == EK_RESIZE_MODE_NEAREST;
  const char *kernel = kernel_of(ek_input(b->ctx, 0));
  resize_form f;
  if (!nearest && kernel == NULL) return ek_cl_decline(b, "no kernel for %s", ek_cl_dtype_name(ek_input(b->ctx, 0)));
  if (attrs->coordinate_mode == EK_RESIZE_COORDINATE_MODE_TF_CROP_AND_RESIZE)
    return ek_cl_decline(b, "no kernel for tf_crop_and_resize");
  if (!is_known(ek_input(b->ctx, 1)) || !is_known(ek_input(b->ctx, 2)))
    return ek_cl_decline(b, "sizes that are no constants");
  EK_TRY(read_axes(b, &f));
  if (ek_tensor_elements(ek_output(b->ctx, 0)) == 0) return EK_OK;
  for (uint32_t i = 0; i < 2; i++) make_table(b, i < f.count, &f.axes[i]);
  const ek_status status = nearest ? emit_nearest(b, &f) : emit(b, &f, kernel);
  for (uint32_t i = 0; i < 2; i++) {
    ek_cl_free_temporary(b, f.axes[i].index);
    ek_cl_free_temporary(b, f.axes[i].weight);
  }
  return status;
}
