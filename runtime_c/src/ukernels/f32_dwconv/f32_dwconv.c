#include "ukernels/f32_dwconv/f32_dwconv.h"

#define EK_UKERNEL EK_UKERNEL_ENTRY
EK_UKERNEL_TABLE_BEGIN(f32_dwconv)
#include "ukernels/f32_dwconv/f32_dwconv.inc"
EK_UKERNEL_TABLE_END_ROWS(f32_dwconv)
#undef EK_UKERNEL

const ek_f32_dwconv_row *ek_f32_dwconv_select(uint64_t cpu_features, size_t taps) {
  size_t i;
  const ek_f32_dwconv_row *rows = ek_f32_dwconv_rows(&i);
  do {
    i--;
  } while ((rows[i].info.cpu & ~cpu_features) != 0 || (rows[i].info.kr != 0 && rows[i].info.kr != taps));
  return &rows[i];
}

/* Packed tile of NR channels: bias[NR], then w[taps][NR]. Channels past the last are zeros. */
size_t ek_f32_dwconv_packed_size(const ek_f32_dwconv_row *row, size_t channels, size_t taps) {
  const size_t nr = row->info.nr;
  size_t padded, depth, bytes;
  if (__builtin_add_overflow(channels, nr - 1, &padded) || __builtin_add_overflow(taps, 1, &depth)) return SIZE_MAX;
  padded = padded / nr * nr;
  if (__builtin_mul_overflow(padded, depth, &bytes)) return SIZE_MAX;
  if (__builtin_mul_overflow(bytes, sizeof(float), &bytes)) return SIZE_MAX;
  return bytes;
}

void ek_f32_dwconv_pack(const ek_f32_dwconv_row *row, size_t channels, size_t taps, const float *w, size_t t_stride,
                        size_t n_stride, const float *bias, float *packed) {
  const size_t nr = row->info.nr;
  for (size_t n0 = 0; n0 < channels; n0 += nr) {
    const size_t columns = channels - n0 < nr ? channels - n0 : nr;
    for (size_t j = 0; j < nr; j++) *packed++ = bias && j < columns ? bias[n0 + j] : 0.0f;
    for (size_t t = 0; t < taps; t++) {
      for (size_t j = 0; j < nr; j++) *packed++ = j < columns ? w[t * t_stride + (n0 + j) * n_stride] : 0.0f;
    }
  }
}
