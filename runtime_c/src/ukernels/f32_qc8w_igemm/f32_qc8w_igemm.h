/* f32_qc8w_igemm: f32_igemm with weights stored as int8 and one scale a column, for models with int8 weights only.
 *
 *   c[m][n] = clamp(bias[n] + scale[n] * sum over t < ks, k < kc of a[offset(t, m)][k] * w[n][t][k])
 *
 * The arguments, tiles and offsets are those of f32_igemm; a quarter of the weight memory and of its traffic. */
#ifndef EK_UKERNELS_F32_QC8W_IGEMM_H
#define EK_UKERNELS_F32_QC8W_IGEMM_H

#include "ukernels/f32_igemm/f32_igemm.h"

typedef ek_f32_igemm_args ek_f32_qc8w_igemm_args;
typedef void ek_f32_qc8w_igemm_fn(size_t mr, size_t nc, const ek_f32_qc8w_igemm_args *args);
EK_UKERNEL_FAMILY(f32_qc8w_igemm)

/* Bytes of the packed weights of n columns. SIZE_MAX on overflow. */
size_t ek_f32_qc8w_igemm_packed_size(const ek_f32_qc8w_igemm_row *row, size_t n, size_t ks, size_t kc);
/* Bytes of one packed tile of NR columns. */
size_t ek_f32_qc8w_igemm_packed_tile(const ek_f32_qc8w_igemm_row *row, size_t ks, size_t kc);
/* Packs weights, scales [n] and bias [n] (may be null). `packed` is 4-byte aligned (64 is faster). */
void ek_f32_qc8w_igemm_pack(const ek_f32_qc8w_igemm_row *row, const ek_igemm_weights *shape, const int8_t *w,
                            const float *bias, const float *scale, void *packed);

#define EK_UKERNEL EK_UKERNEL_DECLARE
#include "ukernels/f32_qc8w_igemm/f32_qc8w_igemm.inc"
#undef EK_UKERNEL

#endif
