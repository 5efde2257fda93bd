#include "ukernels/f32_qc8w_igemm/f32_qc8w_igemm.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(f32_qc8w_igemm)
#include "ukernels/f32_qc8w_igemm/f32_qc8w_igemm.inc"
EK_UKERNEL_TABLE_END(f32_qc8w_igemm)
#undef EK_UKERNEL

/* Packed tile: float bias[NR], float scale[NR], then for each tap and k int8 [NR]. Columns past n are zeros. */
size_t ek_f32_qc8w_igemm_packed_tile(const ek_f32_qc8w_igemm_row *row, size_t ks, size_t kc) {
  return row->info.nr * (2 * sizeof(float) + ks * kc);
}

size_t ek_f32_qc8w_igemm_packed_size(const ek_f32_qc8w_igemm_row *row, size_t n, size_t ks, size_t kc) {
  const size_t nr = row->info.nr;
  size_t depth, columns, bytes;
  if (__builtin_mul_overflow(ks, kc, &depth) || __builtin_add_overflow(depth, 2 * sizeof(float), &depth)) {
    return SIZE_MAX;
  }
  if (__builtin_add_overflow(n, nr - 1, &columns)) return SIZE_MAX;
  if (__builtin_mul_overflow(columns / nr * nr, depth, &bytes)) return SIZE_MAX;
  return bytes;
}

void ek_f32_qc8w_igemm_pack(const ek_f32_qc8w_igemm_row *row, const ek_igemm_weights *shape, const int8_t *w,
                            const float *bias, const float *scale, void *packed) {
  const size_t nr = row->info.nr;
  char *to = packed;
  for (size_t n0 = 0; n0 < shape->n; n0 += nr) {
    const size_t columns = shape->n - n0 < nr ? shape->n - n0 : nr;
    float *head = (float *)(void *)to;
    int8_t *packed_w = (int8_t *)to + nr * 2 * sizeof(float);
    for (size_t j = 0; j < nr; j++) {
      head[j] = bias && j < columns ? bias[n0 + j] : 0.0f;
      head[nr + j] = j < columns ? scale[n0 + j] : 0.0f;
    }
    for (size_t t = 0; t < shape->ks; t++) {
      for (size_t k = 0; k < shape->kc; k++) {
        const int8_t *from = w + n0 * shape->n_stride + t * shape->t_stride + k * shape->k_stride;
        for (size_t j = 0; j < nr; j++) *packed_w++ = j < columns ? from[j * shape->n_stride] : 0;
      }
    }
    to = (char *)packed_w;
  }
}
