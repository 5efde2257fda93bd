#include "ukernels/qs8_dwconv/qs8_dwconv.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(qs8_dwconv)
#include "ukernels/qs8_dwconv/qs8_dwconv.inc"
EK_UKERNEL_TABLE_END_ROWS(qs8_dwconv)
#undef EK_UKERNEL

const ek_qs8_dwconv_row *ek_qs8_dwconv_select(uint64_t cpu_features, size_t taps) {
  size_t i;
  const ek_qs8_dwconv_row *rows = ek_qs8_dwconv_rows(&i);
  do {
    i--;
  } while ((rows[i].info.cpu & ~cpu_features) != 0 || (rows[i].info.kr != 0 && rows[i].info.kr != taps));
  return &rows[i];
}

/* Packed tile of NR channels: int32 bias[NR] (with -input_zero_point * sum of the weights), float multiplier[NR], then
 * int8 w[taps][NR], or w[(taps + 1) / 2][NR][2] for rows that take taps in pairs. Padding is zeros. */
size_t ek_qs8_dwconv_packed_size(const ek_qs8_dwconv_row *row, size_t channels, size_t taps) {
  const size_t nr = row->info.nr;
  size_t padded, depth, bytes;
  if (__builtin_add_overflow(channels, nr - 1, &padded) || __builtin_add_overflow(taps, 9, &depth)) return SIZE_MAX;
  padded = padded / nr * nr;
  if (!(row->info.flags & EK_TAP_PAIRS) || taps % 2 == 0) depth--;
  if (__builtin_mul_overflow(padded, depth, &bytes)) return SIZE_MAX;
  return bytes;
}

void ek_qs8_dwconv_pack(const ek_qs8_dwconv_row *row, size_t channels, size_t taps, const int8_t *w, size_t t_stride,
                        size_t n_stride, const int32_t *bias, const float *multiplier, int32_t input_zero_point,
                        void *packed) {
  const size_t nr = row->info.nr, group = row->info.flags & EK_TAP_PAIRS ? 2 : 1;
  char *to = packed;
  for (size_t n0 = 0; n0 < channels; n0 += nr) {
    const size_t columns = channels - n0 < nr ? channels - n0 : nr;
    uint32_t *packed_bias = (uint32_t *)(void *)to;
    float *packed_multiplier = (float *)(void *)(to + nr * sizeof(int32_t));
    int8_t *packed_w = (int8_t *)to + nr * (sizeof(int32_t) + sizeof(float));
    for (size_t j = 0; j < nr; j++) {
      packed_bias[j] = bias && j < columns ? (uint32_t)bias[n0 + j] : 0;
      packed_multiplier[j] = j < columns ? multiplier[n0 + j] : 0.0f;
    }
    for (size_t t0 = 0; t0 < taps; t0 += group) {
      for (size_t j = 0; j < nr; j++) {
        for (size_t t = t0; t < t0 + group; t++) {
          const int8_t value = j < columns && t < taps ? w[t * t_stride + (n0 + j) * n_stride] : 0;
          *packed_w++ = value;
          packed_bias[j] -= (uint32_t)input_zero_point * (uint32_t)value;
        }
      }
    }
    to = (char *)packed_w;
  }
}
