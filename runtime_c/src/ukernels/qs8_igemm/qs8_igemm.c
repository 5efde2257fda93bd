#include "ukernels/qs8_igemm/qs8_igemm.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(qs8_igemm)
#include "ukernels/qs8_igemm/qs8_igemm.inc"
EK_UKERNEL_TABLE_END(qs8_igemm)
#undef EK_UKERNEL

/* Packed tile: int32 bias[NR], float multiplier[NR], then for each tap and group of KR channels int8 [NR][KR]. The bias
 * holds -input_zero_point * (sum of the column's weights), and the 128 of rows that read activations as uint8. Padding
 * is zeros. */
size_t ek_qs8_igemm_packed_tile(const ek_qs8_igemm_row *row, size_t ks, size_t kc) {
  const size_t kr = row->info.kr;
  return row->info.nr * (sizeof(int32_t) + sizeof(float) + ks * ((kc + kr - 1) / kr * kr));
}

size_t ek_qs8_igemm_packed_size(const ek_qs8_igemm_row *row, size_t n, size_t ks, size_t kc) {
  const size_t nr = row->info.nr, kr = row->info.kr;
  size_t depth, columns, bytes;
  if (__builtin_add_overflow(kc, kr - 1, &depth) || __builtin_add_overflow(n, nr - 1, &columns)) return SIZE_MAX;
  columns = columns / nr * nr;
  if (__builtin_mul_overflow(depth / kr * kr, ks, &depth) || __builtin_add_overflow(depth, 8, &depth)) return SIZE_MAX;
  if (__builtin_mul_overflow(columns, depth, &bytes)) return SIZE_MAX;
  return bytes;
}

void ek_qs8_igemm_pack(const ek_qs8_igemm_row *row, const ek_igemm_weights *shape, const int8_t *w, const int32_t *bias,
                       const float *multiplier, int32_t input_zero_point, void *packed) {
  const size_t nr = row->info.nr, kr = row->info.kr;
  const uint32_t offset = (uint32_t)input_zero_point + (row->info.flags & EK_ACT_U8 ? 128u : 0u);
  const size_t tile = ek_qs8_igemm_packed_tile(row, shape->ks, shape->kc);
  char *to = packed;
  for (size_t n0 = 0; n0 < shape->n; n0 += nr, to += tile) {
    uint32_t *packed_bias = (uint32_t *)(void *)to;
    float *packed_multiplier = (float *)(void *)(to + nr * sizeof(int32_t));
    int8_t *packed_w = (int8_t *)to + nr * (sizeof(int32_t) + sizeof(float));
    const size_t columns = shape->n - n0 < nr ? shape->n - n0 : nr;
    for (size_t j = 0; j < nr; j++) {
      packed_bias[j] = bias && j < columns ? (uint32_t)bias[n0 + j] : 0;
      packed_multiplier[j] = j < columns ? multiplier[n0 + j] : 0.0f;
    }
    for (size_t t = 0; t < shape->ks; t++) {
      for (size_t k0 = 0; k0 < shape->kc; k0 += kr) {
        for (size_t j = 0; j < nr; j++) {
          const int8_t *from = w + (n0 + j) * shape->n_stride + t * shape->t_stride;
          for (size_t k = k0; k < k0 + kr; k++) {
            const int8_t value = j < columns && k < shape->kc ? from[k * shape->k_stride] : 0;
            *packed_w++ = value;
            packed_bias[j] -= offset * (uint32_t)value;
          }
        }
      }
    }
  }
}
