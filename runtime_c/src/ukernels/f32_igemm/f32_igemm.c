#include "ukernels/f32_igemm/f32_igemm.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(f32_igemm)
#include "ukernels/f32_igemm/f32_igemm.inc"
EK_UKERNEL_TABLE_END(f32_igemm)
#undef EK_UKERNEL

/* Packed tile: NR biases, then for each tap and k the NR weights. Columns past n are zeros. */
size_t ek_f32_igemm_packed_tile(const ek_f32_igemm_row *row, size_t ks, size_t kc) {
  return row->info.nr * (1 + ks * kc);
}

size_t ek_f32_igemm_packed_size(const ek_f32_igemm_row *row, size_t n, size_t ks, size_t kc) {
  const size_t nr = row->info.nr;
  size_t depth, tiles, bytes;
  if (__builtin_mul_overflow(ks, kc, &depth) || __builtin_add_overflow(depth, 1, &depth)) return SIZE_MAX;
  if (__builtin_add_overflow(n, nr - 1, &tiles)) return SIZE_MAX;
  tiles = tiles / nr * nr;
  if (__builtin_mul_overflow(tiles, depth, &bytes)) return SIZE_MAX;
  if (__builtin_mul_overflow(bytes, sizeof(float), &bytes)) return SIZE_MAX;
  return bytes;
}

void ek_f32_igemm_pack(const ek_f32_igemm_row *row, const ek_igemm_weights *shape, const float *w, const float *bias,
                       float *packed) {
  const size_t nr = row->info.nr;
  for (size_t n0 = 0; n0 < shape->n; n0 += nr) {
    const size_t columns = shape->n - n0 < nr ? shape->n - n0 : nr;
    for (size_t j = 0; j < nr; j++) *packed++ = bias && j < columns ? bias[n0 + j] : 0.0f;
    for (size_t t = 0; t < shape->ks; t++) {
      for (size_t k = 0; k < shape->kc; k++) {
        const float *from = w + n0 * shape->n_stride + t * shape->t_stride + k * shape->k_stride;
        for (size_t j = 0; j < nr; j++) *packed++ = j < columns ? from[j * shape->n_stride] : 0.0f;
      }
    }
  }
}
